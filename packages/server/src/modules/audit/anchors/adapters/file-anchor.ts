import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { AnchorPlace } from '../ports.ts';

/** Appends checkpoints to a file, a JSON object a line, and has each on the disk before it counts. */
export const fileAnchor = (path: string): AnchorPlace => ({
  destination: 'file',
  async write({ origin, size, note }) {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(path, 'a', 0o644);
    try {
      await file.appendFile(`${JSON.stringify({ anchored_at: new Date().toISOString(), origin, size, note })}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
  },
});
