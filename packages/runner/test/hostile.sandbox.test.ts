import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Engine } from '../src/engine.ts';
import type { Asked, Ran } from './engine-under-test.ts';
import { openBubblewrap, runProgram } from './engine-under-test.ts';
import type { HostileGround } from './hostile-ground.ts';
import { CANARY_SECRET, hostile, mounts, openHostileGround, processesNamed } from './hostile-ground.ts';

/** How an engine on this machine is made, and what it promises. */
type Candidate = {
  name: string;
  open(): Promise<Engine>;
  /** Totals are accounted by the kernel, so that they hold exactly. */
  accounted: boolean;
};

const CANDIDATES: Candidate[] = [
  { name: 'bubblewrap with cgroups', open: () => openBubblewrap({ cgroups: true }), accounted: true },
  {
    name: 'bubblewrap with cgroups, started ahead',
    open: () => openBubblewrap({ cgroups: true, warm: 4 }),
    accounted: true,
  },
  { name: 'bubblewrap without cgroups', open: () => openBubblewrap({ cgroups: false }), accounted: false },
];

const SHORT: Asked = { limits: { wall_ms: 1500, cpu_ms: 10_000, processes: 60 } };

describe.each(CANDIDATES)('$name', ({ open, accounted }) => {
  let ground: HostileGround;
  let engine: Engine;
  let mountsBefore: string;

  beforeAll(async () => {
    ground = await openHostileGround();
    mountsBefore = mounts();
    engine = await open();
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    await ground[Symbol.asyncDispose]();
    expect(mounts()).toBe(mountsBefore);
    expect(readFileSync('/proc/self/cgroup', 'utf8')).not.toContain('assay-runner/');
  });

  const attack = async (file: string, { name, ...asked }: Asked & { name?: string } = {}): Promise<Ran> => {
    const language = file.endsWith('.py') ? 'python' : file.endsWith('.sh') ? 'bash' : 'c';
    const ran = await runProgram(engine, language, hostile(file, name), asked);
    expect(`${ran.stdout}${ran.stderr}`).not.toContain('LEAK');
    expect(ran.receipt.engine).toBe(engine.name);
    expect(ran.receipt.level).toBe(engine.level);
    return ran;
  };
  /** Runs it under a name of its own, and looks for that name on the machine afterwards. */
  const attackAndLookBack = async (file: string, asked: Asked = {}): Promise<Ran> => {
    const name = `hostile-${randomBytes(3).toString('hex')}`;
    const running = attack(file, { ...asked, name });
    await expect.poll(() => processesNamed(name).length, { interval: 5 }).toBeGreaterThan(0);
    const ran = await running;
    await expect.poll(() => processesNamed(name), { timeout: 2000 }).toEqual([]);
    return ran;
  };

  let hitsBefore: number;
  beforeEach(() => {
    hitsBefore = ground.hits();
  });
  afterEach(() => {
    expect(ground.hits()).toBe(hitsBefore);
  });

  test('a fork bomb is held to its number of processes, and none is left', async () => {
    const { stdout, reason } = await attackAndLookBack('forkbomb.py', SHORT);
    const made = Number(/fork failed after (\d+)/.exec(stdout)?.[1]);
    expect(made).toBeGreaterThan(20);
    expect(made).toBeLessThanOrEqual(60);
    expect(reason).toBe('timeout');
    expect(await attack('forkexp.sh', SHORT)).toMatchObject({
      reason: expect.stringMatching(/timeout|process_limit|cpu_limit/),
    });
  });

  test('threads are held to the number of processes', async () => {
    const { stdout } = await attack('threads.py', SHORT);
    expect(Number(/thread fail after (\d+)/.exec(stdout)?.[1])).toBeLessThanOrEqual(60);
  });

  test('one process cannot take more memory than its run may', async () => {
    const { reason, stderr, memoryPeakMb } = await attack('mem.py');
    if (accounted) expect(reason).toBe('memory_limit');
    else expect(`${reason} ${stderr}`).toMatch(/memory_limit|MemoryError/);
    expect(memoryPeakMb).toBeLessThanOrEqual(accounted ? 256 : 330);
  });

  test('many processes together cannot take more memory than their run may', async () => {
    const { reason, memoryPeakMb } = await attack('memchild.py');
    expect(reason).toBe('memory_limit');
    expect(memoryPeakMb).toBeLessThan(accounted ? 257 : 1000);
  });

  test('memory that belongs to no process counts, or cannot be had', async () => {
    const { reason, stdout } = await attack('memfd.py');
    if (accounted) expect(reason).toBe('memory_limit');
    else expect(stdout).toContain('Function not implemented');
    await attack('pipes.py');
  });

  test('every place a program can write to has an end', async () => {
    const { stdout } = await attack('disk.py', { limits: { memory_mb: 512, wall_ms: 30_000 } });
    expect(stdout).toMatch(/^\/work 6[34]MB then No space left on device$/m);
    expect(stdout).toMatch(/^\/tmp 6[34]MB then No space left on device$/m);
    expect(stdout).toMatch(/^\/dev\/shm 1[56]MB then No space left on device$/m);
    for (const place of ['/', '/dev', '/etc', '/usr']) {
      expect(stdout).toMatch(new RegExp(`^${place} 0MB then (Read-only file system|Permission denied)$`, 'm'));
    }
  });

  test('files without content are not free', async () => {
    const { reason } = await attack('inodes.py', { limits: { memory_mb: 96 } });
    expect(reason).toMatch(/memory_limit|disk_limit/);
  });

  test('a file cannot be made larger than allowed, even without content', async () => {
    expect((await attack('bigfile.py')).stdout).toContain('File too large');
  });

  test('a flood of output is cut off early', async () => {
    const { reason, stdout, stderr, outputTruncated, runtimeMs } = await attack('flood.py');
    expect({ reason, outputTruncated }).toEqual({ reason: 'output_limit', outputTruncated: true });
    expect(stdout.length + stderr.length).toBe(1 << 20);
    expect(runtimeMs).toBeLessThan(2000);
  });

  test('busy loops in many processes are ended together', async () => {
    const { reason, cpuMs } = await attackAndLookBack('loop.py', { limits: { wall_ms: 1000, cpu_ms: 60_000 } });
    expect(reason).toBe('timeout');
    if (accounted) expect(cpuMs).toBeLessThan(1300);
  });

  test('a program that ignores all signals is ended with all it started', async () => {
    expect(await attackAndLookBack('sleepign.py', SHORT)).toMatchObject({ reason: 'timeout' });
  });

  test('a daemon does not outlive its program', async () => {
    expect(await attackAndLookBack('daemon.py')).toMatchObject({ reason: 'ok', exitCode: 0 });
  });

  test("the machine's secrets are out of sight", async () => {
    const { stdout } = await attack('secrets.py');
    expect(stdout).not.toContain(CANARY_SECRET);
    for (const path of [
      '/etc/shadow',
      '/root/.bashrc',
      '/tmp/assay-canary/rootonly',
      '/proc/1/root/etc/shadow',
      '/proc/kcore',
      '/proc/kmsg',
    ]) {
      expect(stdout).toMatch(
        new RegExp(`^${path} (No such file or directory|Permission denied|Operation not permitted)$`, 'm'),
      );
    }
    expect(stdout).toMatch(/^\/proc\/cmdline (READ 0B|Permission denied)$/m);
    expect(stdout).toMatch(/^no canary env/m);
    expect(stdout).toContain("env ['HOME', 'LANG', 'PATH', 'PWD', 'TMPDIR']");
    const code = "print(open('/proc/1/cmdline').read().split('\\0'))";
    expect((await runProgram(engine, 'python', code)).stdout).not.toMatch(/assay-|boxes|\/work\/main\//);
  });

  test('no descriptor of the runner reaches the program', async () => {
    const code = "import os\nprint(sorted(int(f) for f in os.listdir('/proc/self/fd')))";
    // The fourth is the listing itself.
    expect((await runProgram(engine, 'python', code)).stdout).toBe('[0, 1, 2, 3]\n');
  });

  test('nothing outside the box answers on any kind of socket', async () => {
    const { stdout } = await attack('net.py', { args: [String(ground.port)] });
    expect(stdout).toContain("ifs ['lo']");
    expect(stdout).toMatch(/VSOCK .*not supported/);
    expect(stdout).toMatch(/NETLINK .*not supported/);
    expect(stdout).toMatch(/PACKET .*not supported/);
    expect(stdout).toContain('own loopback works');
  });

  test('system calls that a program does not need are refused', async () => {
    const { stdout } = await attack('sysprobe.c');
    const answers = new Map([...stdout.matchAll(/(\w+)=(\w+)/g)].map(([, name, answer]) => [name, answer]));
    const refused =
      'keyctl add_key request_key bpf perf_event_open io_uring_setup io_uring_register userfaultfd ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd mount umount2 pivot_root chroot unshare setns fsopen open_tree move_mount mount_setattr init_module finit_module delete_module kexec_load reboot swapon acct syslog quotactl clock_settime settimeofday adjtimex sethostname setdomainname iopl ioperm modify_ldt open_by_handle_at name_to_handle_at fanotify_init vmsplice io_setup memfd_secret clone3 statmount listmount uselib';
    for (const name of refused.split(' ')) expect(`${name} ${answers.get(name)}`).toBe(`${name} ENOSYS`);
    for (const name of ['personality', 'ioctl', 'setuid', 'setresuid'])
      expect(answers.get(name)).toMatch(/EPERM|EINVAL/);
    expect(answers.get('socket')).toBe('EAFNOSUPPORT');
  });

  test('calls of a foreign system-call table kill the program', async () => {
    expect(await attack('ia32.c')).toMatchObject({ reason: 'signal', signal: 'SIGSYS', stdout: '' });
  });

  test("the machine's settings cannot be written", async () => {
    const { stdout } = await attack('syswrite.py');
    const opened = [...stdout.matchAll(/^(\S+) OPENED-W$/gm)].map(([, path]) => path);
    // Its own, and harmless: a process may make itself likelier to be killed, and wait less exactly.
    const harmless = [
      '/proc/self/oom_score_adj',
      '/proc/1/oom_score_adj',
      '/proc/self/timerslack_ns',
      '/proc/self/setgroups',
      '/proc/self/uid_map',
    ];
    expect(opened.filter((path) => !harmless.includes(path ?? ''))).toEqual([]);
  });

  test('processes of the machine cannot be signalled', async () => {
    const { stdout } = await attack('sig.py', { args: [String(ground.bystander), String(process.pid)] });
    expect(stdout).toContain(`${ground.bystander} [Errno 3] No such process`);
    expect(() => process.kill(ground.bystander, 0)).not.toThrow();
  });

  test('programs that change the user do not', async () => {
    const { stdout } = await attack('suid.sh', { limits: { wall_ms: 30_000 } });
    expect(stdout).not.toMatch(/uid=0|euid=0/);
    expect(stdout).toMatch(/^65534$/m);
    expect(stdout).toMatch(/CapEff:\s+0+$/m);
    expect(stdout).toMatch(/NoNewPrivs:\s+1$/m);
    expect(stdout).toMatch(/Seccomp:\s+2$/m);
  });

  test("the machine's devices are not there", async () => {
    const { stdout } = await attack('dev.py');
    const open = [...stdout.matchAll(/^(\S+) OPEN$/gm)].map(([, device]) => device);
    expect(open.filter((device) => !['/dev/ptmx', '/dev/random', '/dev/tty'].includes(device ?? ''))).toEqual([]);
  });

  test('a crash leaves no core file and is reported', async () => {
    const { stdout, signal, reason } = await attack('core.py');
    expect(stdout).toContain('core limit (0, 0)');
    expect({ reason, signal }).toEqual({ reason: 'signal', signal: 'SIGSEGV' });
  });

  test('limits and priority cannot be raised', async () => {
    const { stdout } = await attack('nice.py');
    for (const name of ['nice -5', 'rt', 'nofile up']) expect(stdout).not.toContain(`${name} allowed`);
  });

  test('a program cannot type into a terminal', async () => {
    const code =
      'import fcntl\ntry: fcntl.ioctl(0, 0x5412, b"x"); print("LEAK")\nexcept OSError as e: print(e.strerror)';
    expect((await runProgram(engine, 'python', code)).stdout).toBe('Operation not permitted\n');
  });

  test('links among the results lead nowhere', async () => {
    const { files, filesSkipped } = await attack('links.py', { outputs: ['out/**', 'out/rootdir/etc/passwd'] });
    expect(files.map(({ path }) => path)).toEqual(['out/ok.txt']);
    expect(files.some(({ content }) => content.includes(CANARY_SECRET))).toBe(false);
    expect(filesSkipped.map(({ path }) => path).sort()).toEqual(
      ['out/canary', 'out/fifo', 'out/inlink', 'out/rel', 'out/rootdir', 'out/rootdir/etc/passwd', 'out/shadow'].sort(),
    );
  });
});
