/** Runs a hostile program in a warm engine until somebody kills this process. Arguments: the name it runs under, cgroups or not. */
import { openBubblewrap, runProgram } from './engine-under-test.ts';
import { hostile } from './hostile-ground.ts';

const [, , name = '', cgroups = ''] = process.argv;
const engine = await openBubblewrap({ cgroups: cgroups === 'cgroups', warm: 4 });
const limits = { wall_ms: 600_000, cpu_ms: 600_000 };
await Promise.all([
  runProgram(engine, 'python', hostile('sleepign.py', name), { limits }),
  runProgram(engine, 'bash', `echo ${name} > /proc/self/comm; sleep 600 & trap '' TERM HUP INT; sleep 600`, { limits }),
]);
