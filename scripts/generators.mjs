/**
 * Every checked-in file that a program writes. `render` returns the whole content, the same on every machine.
 *
 * @typedef {{ path: string, render: () => Promise<string> }} Generator
 * @type {readonly Generator[]}
 */
export const generators = [];
