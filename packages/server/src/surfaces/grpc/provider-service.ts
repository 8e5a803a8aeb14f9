import { ProviderService, type ProviderServiceExecuteStreamResponseSchema } from '@assay/contract/grpc';
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type chatOperations,
  type embeddingOperations,
  invalidRequest,
  type StreamedAnswer,
} from '../../modules/providers/index.ts';
import type { HttpKit } from '../http/kit.ts';
import { chatOf, embeddingOf } from '../http/model-calls.ts';
import {
  billed,
  decodeCall,
  encodeAnswer,
  encodeEstimate,
  encodePiece,
  encodeUsage,
  encodeVectors,
} from './provider-codec.ts';
import type { RpcSurface } from './rpc-surface.ts';

type Operations = ReturnType<typeof chatOperations> & ReturnType<typeof embeddingOperations>;
type StreamedPiece = MessageInitShape<typeof ProviderServiceExecuteStreamResponseSchema>;

export function serveProviders(surface: RpcSurface, run: HttpKit['operator']['run'], of: Operations): void {
  surface.serve(ProviderService, 'gateway', {
    async execute({ call: asked }, call, metadata) {
      const request = decodeCall(asked);
      if (request.modality === 'embedding')
        return encodeVectors(await run(of.executeEmbedding, call, embeddingOf(request, metadata)));
      const answer = await run(of.executeChat, call, chatOf(request, metadata, false));
      if (answer.kind !== 'whole') throw new Error('A whole answer was asked for.');
      return encodeAnswer(answer);
    },

    async *executeStream({ call: asked }, call, metadata) {
      const request = decodeCall(asked);
      if (request.modality === 'embedding')
        throw invalidRequest('call.texts', 'Vectors are not streamed. Ask for them with Execute.');
      const answer = await run(of.executeChat, call, chatOf(request, metadata, true));
      if (answer.kind !== 'stream') throw new Error('A stream was asked for.');
      yield* pieces(answer);
    },

    async estimate({ call: asked }, call, metadata) {
      const request = decodeCall(asked);
      return encodeEstimate(
        request.modality === 'embedding'
          ? await run(of.estimateEmbedding, call, embeddingOf(request, metadata))
          : await run(of.estimateChat, call, chatOf(request, metadata, false)),
      );
    },
  });
}

/** An answer as it is made. One who leaves early cancels it at the provider, and pays for what there is by then. */
async function* pieces({ served, pieces: made, bill }: StreamedAnswer): AsyncGenerator<StreamedPiece> {
  let stopReason = 'stop';
  yield { piece: { case: 'started', value: { provider: served.provider.name, model: served.model } } };
  try {
    for await (const { events } of made) {
      for (const event of events) {
        if (event.type === 'finish') stopReason = event.reason;
        const piece = encodePiece(event);
        if (piece) yield { piece };
      }
    }
  } catch (thrown) {
    yield { piece: { case: 'failed', value: { usage: encodeUsage(await bill) } } };
    throw thrown;
  }
  yield { piece: { case: 'completed', value: { stopReason, ...billed(await bill) } } };
}
