import { setTimeout as delay } from 'node:timers/promises';

/** What was done in a window of time in which callers did one act after another. */
export type Sustained = { acts: number; perSecond: number; times: number[] };

export type Workload = {
  callers: number;
  warmUpSeconds: number;
  seconds: number;
  act(): Promise<unknown>;
  /** Called when the window opens and when it closes. */
  onWindow?(edge: 'opens' | 'closes'): void;
};

/** Keeps callers busy, and counts the acts that ended inside the window after the warm-up. */
export async function sustain({ callers, warmUpSeconds, seconds, act, onWindow }: Workload): Promise<Sustained> {
  const times: number[] = [];
  let isCounting = false;
  let isOver = false;
  const call = async (): Promise<void> => {
    while (!isOver) {
      const began = performance.now();
      await act();
      if (isCounting) times.push(performance.now() - began);
    }
  };
  const calling = Promise.all(Array.from({ length: callers }, call));
  const window = async (): Promise<number> => {
    await delay(warmUpSeconds * 1000);
    onWindow?.('opens');
    const began = performance.now();
    isCounting = true;
    await delay(seconds * 1000);
    isCounting = false;
    const elapsed = (performance.now() - began) / 1000;
    onWindow?.('closes');
    isOver = true;
    return elapsed;
  };
  // A caller that fails ends the measurement: the race is lost by whoever rejects.
  const [elapsed] = await Promise.all([window(), calling]);
  return { acts: times.length, perSecond: times.length / elapsed, times };
}
