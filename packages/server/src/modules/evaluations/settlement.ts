import type { Tx } from '../../platform/db/index.ts';
import { addAssets, type Contents, type NewAsset } from '../assets/index.ts';
import type { RunReport } from '../runners/index.ts';
import { INLINE_OUTPUT_BYTES, type ResultFile, stateAfter } from './model.ts';
import { outputText } from './output-text.ts';
import type { Ending } from './store-leases.ts';

/** An ending that is complete but for the ids of its assets, which are made in the transaction. */
export type Settlement = {
  /** Whether `refer` adds rows of its own, and so needs a transaction. */
  hasAssets: boolean;
  refer(tx: Tx): Promise<Ending>;
};

/**
 * Prepares the end of a run: decodes the output, and stores what does not fit the row (long or binary output, files)
 * before any transaction opens.
 */
export async function settle(
  contents: Pick<Contents, 'put'>,
  { id, orgId }: { id: string; orgId: string },
  report: RunReport,
  output: { stdout: Buffer; stderr: Buffer },
  hasPieces: boolean,
): Promise<Settlement> {
  const stdout = outputText(output.stdout, INLINE_OUTPUT_BYTES);
  const stderr = outputText(output.stderr, INLINE_OUTPUT_BYTES);
  const keep = async (bytes: Buffer, filename: string): Promise<NewAsset> => ({
    ...(await contents.put(orgId, bytes)),
    mediaType: 'application/octet-stream',
    filename,
  });
  const whole = async (text: typeof stdout, bytes: Buffer, name: string): Promise<NewAsset | null> =>
    text.isCut || text.isLossy ? keep(bytes, `${id}.${name}`) : null;
  const [outputFile, errorFile, ...files] = await Promise.all([
    whole(stdout, output.stdout, 'stdout'),
    whole(stderr, output.stderr, 'stderr'),
    ...report.files.map(({ path, content }) => keep(content, path)),
  ]);
  return {
    hasAssets: outputFile !== null || errorFile !== null || files.length > 0,
    async refer(tx) {
      const all = [outputFile, errorFile, ...files].filter((file) => file !== null && file !== undefined);
      const ids = await addAssets(tx, orgId, all);
      const idOf = (file: NewAsset | null | undefined): string | null => (file && ids[all.indexOf(file)]) ?? null;
      const kept: ResultFile[] = report.files.map((file, index) => ({
        path: file.path,
        size: file.content.length,
        asset_id: String(idOf(files[index])),
      }));
      return {
        state: stateAfter(report.reason),
        reason: report.reason,
        message: report.message,
        exitCode: report.exitCode,
        signal: report.signal,
        output: stdout.text,
        error: stderr.text,
        outputTruncated: report.outputTruncated || stdout.isCut || stderr.isCut,
        outputAssetId: idOf(outputFile),
        errorAssetId: idOf(errorFile),
        files: [...kept, ...report.filesSkipped.map(({ path, reason: skipped }) => ({ path, skipped }))],
        runtimeMs: report.runtimeMs,
        compileMs: report.compileMs,
        cpuMs: report.cpuMs,
        memoryPeakMb: report.memoryPeakMb,
        receipt: report.receipt,
        isDeadLetter: report.reason === 'setup_failed',
        hasPieces,
      };
    },
  };
}
