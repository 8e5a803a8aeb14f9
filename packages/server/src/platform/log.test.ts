import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

const run = promisify(execFile);

/** Logs from a process of its own, since the log writes to standard error whatever that is; gives what it wrote. */
async function logged(format: 'json' | 'pretty', statement: string): Promise<string> {
  const { stdout, stderr } = await run(process.execPath, [
    '--input-type=module',
    '--eval',
    `import { createLog } from ${JSON.stringify(new URL('./log.ts', import.meta.url))};
     import { Sensitive } from ${JSON.stringify(new URL('../kernel/sensitive.ts', import.meta.url))};
     const log = createLog({ level: 'info', format: '${format}' }).child({ subsystem: 'test' });
     ${statement}`,
  ]);
  expect(stdout).toBe('');
  return stderr;
}

describe.each(['json', 'pretty'] as const)('the log as %s', (format) => {
  test('hides credentials that were logged by mistake', async () => {
    const text = await logged(
      format,
      `const hidden = { authorization: 'hunter2', cookie: 'hunter2', password: 'hunter2', api_key: 'hunter2', token: 'hunter2' };
       log.info(hidden, 'at the top');
       log.info({ body: hidden }, 'within');
       log.info({ req: { headers: { 'x-api-key': 'hunter2' } } }, 'of a request');
       log.info({ headers: { 'x-api-key': 'hunter2' } }, 'headers');
       log.info({ key: new Sensitive('hunter2') }, 'sensitive');
       log.child({ token: 'hunter2' }).info('bound');`,
    );
    expect(text.trim().split('\n')).toHaveLength(6);
    expect(text).not.toContain('hunter2');
    expect(text).toContain('[secret]');
  });

  test('says why, down to the first cause', async () => {
    const text = await logged(
      format,
      `log.error({ err: new Error('outer', { cause: new Error('inner') }) }, 'it failed');`,
    );
    expect(text).toContain('it failed');
    expect(text).toContain('outer');
    expect(text).toContain('inner');
    expect(text).toContain('test');
  });

  test('leaves out what is below its level', async () => {
    const text = await logged(format, `log.debug('quiet'); log.info('heard');`);
    expect(text).not.toContain('quiet');
    expect(text).toContain('heard');
  });

  test('keeps one event to one line, whatever is in it', async () => {
    const text = await logged(
      format,
      String.raw`log.info({ path: '/a\n12:00:00.000 error forged', name: '\u001b[2J' }, 'said\nagain');`,
    );
    expect(text.trim().split('\n')).toHaveLength(1);
    expect(text).not.toContain('\u001b');
  });
});
