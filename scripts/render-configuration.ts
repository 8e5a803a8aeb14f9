import { SETTINGS } from '../packages/server/src/config/settings.ts';

/** The reference of all settings. */
export async function renderConfiguration(): Promise<string> {
  const rows = Object.values(SETTINGS).map(({ toml, flag, env, fallback, help }) => {
    const shown = fallback === '' ? '–' : `\`${fallback}\``;
    return `| \`${toml}\` | \`--${flag}\` | \`${env}\` | ${shown} | ${help.replaceAll('|', '\\|')} |`;
  });
  return [
    '# Configuration',
    '',
    'A value is taken from the first place that says it: a flag of `assay serve`, the environment, `assay.toml` in the',
    'working directory, the default. `assay config` lists every setting with its value and where it came from.',
    '',
    '| `assay.toml` | Flag | Environment | Default | Meaning |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}
