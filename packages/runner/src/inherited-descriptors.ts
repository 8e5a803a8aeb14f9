import { closeSync, readdirSync, readFileSync } from 'node:fs';

/** Standard input, output and error are meant to be inherited. */
const FIRST_INHERITED = 3;
const CLOSE_ON_EXEC = 0o2000000;

/**
 * Closes descriptors that came from whoever started this process: everything it starts would inherit them in turn,
 * down to programs in sandboxes. Node opens its own so that they are not inherited, which tells them apart.
 */
export function closeInheritedDescriptors(): number {
  const inherited = readdirSync('/proc/self/fd').map(Number).filter(isInherited);
  for (const descriptor of inherited) closeSync(descriptor);
  return inherited.length;
}

function isInherited(descriptor: number): boolean {
  if (descriptor < FIRST_INHERITED) return false;
  try {
    const flags = /flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8'))?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0;
  } catch {
    // The descriptor of the listing itself is gone by now.
    return false;
  }
}
