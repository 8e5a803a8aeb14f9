const LONGEST_NAME = 255;
const LONGEST_PATH = 1024;

/** Why a path cannot name a file under a working directory, or undefined when it can. */
export function refusePath(path: string): string | undefined {
  if (path === '') return 'the path is empty';
  if (Buffer.byteLength(path) > LONGEST_PATH) return `the path is longer than ${LONGEST_PATH} bytes`;
  if (path.startsWith('/')) return 'the path is absolute; name it relative to the working directory';
  if (/\p{Cc}/u.test(path)) return 'the path has control characters';
  for (const name of path.split('/')) {
    if (name === '' || name === '.' || name === '..') return `the path has a part '${name}'`;
    if (Buffer.byteLength(name) > LONGEST_NAME) return `a name in the path is longer than ${LONGEST_NAME} bytes`;
  }
  return undefined;
}
