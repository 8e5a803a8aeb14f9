import type { ScriptedRunner } from './scripted-runner.ts';
import type { Server } from './server.ts';

/** Something of everything that an organization can have, and the word that all of it contains. */
export type Estate = {
  canary: string;
  evalId: string;
  deadLetterId: string;
  keyId: string;
  assetId: string;
};

/** Gives an organization one of everything; `canary` is in every text that a caller or a program can choose. */
export async function addEstate(
  server: Server,
  runner: ScriptedRunner,
  { apiKey, canary }: { apiKey: string; canary: string },
): Promise<Estate> {
  const assay = server.sdk(apiKey);
  const request = { code: `print('${canary}')`, env: { NAME: canary }, metadata: { canary }, outputs: ['*'] };
  const { eval_id: evalId } = await assay.evaluations.submit(request);
  const file = { path: `${canary}.txt`, size: canary.length, content: Buffer.from(canary).toString('base64') };
  runner.report(await runner.lease(evalId), canary, { files: [file] });
  await assay.evaluations.waitForEnd(evalId, { within: 15_000 });
  const assetId = (await assay.evaluations.get(evalId)).files[0]?.asset_id;
  if (assetId === undefined) throw new Error('The file that the program left did not become an asset.');

  const { eval_id: deadLetterId } = await assay.evaluations.submit(request);
  for (let attempt = 1, fence = 0; attempt <= 3; attempt++) {
    const lease = await runner.lease(deadLetterId, { after: fence });
    fence = lease.fence;
    runner.report(lease, '', { reason: 'setup_failed', message: canary });
  }
  await assay.evaluations.waitForEnd(deadLetterId, { within: 15_000 });
  const { api_key } = await assay.apiKeys.create({ name: canary, scopes: ['events:read'] });
  return { canary, evalId, deadLetterId, keyId: api_key.id, assetId };
}
