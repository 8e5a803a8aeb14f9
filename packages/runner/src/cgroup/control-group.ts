/** Totals that a control group holds a whole process tree to. */
export type GroupLimits = { memoryMb: number; processes: number; cpus: number };

/** What the processes of a group have used and been refused since the group was made. */
export type GroupUsage = {
  cpuMs: number;
  /** Highest memory charged to the group; null where the kernel does not record it. */
  memoryPeakMb: number | null;
  /** Processes the kernel killed because the group was out of memory. */
  memoryKills: number;
  /** Processes or threads that could not be made because the group was full. */
  refusedForks: number;
};

/** A control group for one box. */
export type ControlGroup = {
  /** Where it is, in each hierarchy. */
  readonly directories: readonly string[];
  /**
   * Moves a process in. Asynchronous, and best done ahead of time: the first move of a burst waits about 10 ms for
   * the kernel, without using the CPU.
   */
  attach(pid: number): Promise<void>;
  /** Sets limits, writing only those that differ from the last ones. Throws when the group already uses more memory. */
  limit(limits: GroupLimits): void;
  cpuMs(): number;
  usage(): GroupUsage;
  /**
   * Makes the group as good as new for its next box, which costs a tenth of a new one. False when it cannot: when more
   * than `members` processes stay, or memory of the last box is still charged to it and would count against the next.
   */
  recycle(members: number): Promise<boolean>;
  /** Kills every process in the group. */
  killAll(): void;
  /** Removes the group once its last process has gone; rejects when one stays. */
  remove(): Promise<void>;
};

/** Where this process may make groups. */
export type ControlGroups = {
  readonly version: 1 | 2;
  create(name: string): ControlGroup;
  /** Kills what an earlier process left in groups of ours and removes them, then removes our own. */
  close(): Promise<void>;
};
