/** How the command line ends (`assay help exit-codes`). */
export const EXIT_CODES = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  unauthenticated: 4,
  conflict: 5,
  limited: 6,
  unreachable: 7,
  remoteFailed: 8,
  integrityBroken: 10,
  incomplete: 11,
  unproven: 12,
  timedOut: 124,
  interrupted: 130,
} as const;
