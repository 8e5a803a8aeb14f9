import type { RawData } from 'ws';
import { AppError, toAppError } from '../../kernel/errors.ts';
import { type EventFilter, eachEvent, type eventOperations } from '../../modules/events/index.ts';
import type { HttpKit } from '../http/kit.ts';
import { type SocketHandler, sendJson } from '../http/sockets.ts';
import { encodeSocketMessage } from './codec.ts';

const ALL_EVALUATIONS = ['evaluation.*'];
const MAX_SUBJECTS = 100;

/**
 * crucible-platform's `/ws`: the four message types, for the caller's organization. `?eval_id=` or
 * `{"type":"subscribe","eval_id":"…"}` narrows; `?after=` resumes.
 */
export function serveEvaluationSocket(kit: HttpKit, operations: ReturnType<typeof eventOperations>): SocketHandler {
  return async (socket, { call, query }) => {
    const wanted = new Set(query.getAll('eval_id').slice(0, MAX_SUBJECTS));
    const filter: EventFilter = { types: ALL_EVALUATIONS, subjects: [] };
    socket.on('message', (data) => {
      try {
        subscribe(wanted, data);
      } catch (thrown) {
        sendJson(socket, { type: 'error', eval_id: null, data: { error: toAppError(thrown).message } });
      }
    });
    const events = await kit.operator.run(operations.followEvents, call, { filter, after: query.get('after') });
    for await (const event of eachEvent(events)) {
      if (wanted.size > 0 && !wanted.has(event.subject)) continue;
      const message = encodeSocketMessage(event);
      if (message && !sendJson(socket, message)) return;
    }
  };
}

/** `subscribe` narrows to an evaluation, once more to another; `unsubscribe` takes one back. */
function subscribe(wanted: Set<string>, data: RawData): void {
  const message = parse(data);
  const id = message['eval_id'];
  if (typeof id !== 'string' || id.length > 64) throw malformed('`eval_id` must be the id of an evaluation.');
  if (message['type'] === 'unsubscribe') wanted.delete(id);
  else if (message['type'] !== 'subscribe') throw malformed('`type` must be "subscribe" or "unsubscribe".');
  else if (wanted.size >= MAX_SUBJECTS)
    throw malformed(`A socket follows at most ${MAX_SUBJECTS} evaluations by name. Open another, or follow all.`);
  else wanted.add(id);
}

function parse(data: RawData): Record<string, unknown> {
  try {
    const message: unknown = JSON.parse(data.toString());
    if (typeof message === 'object' && message !== null) return message as Record<string, unknown>;
  } catch {
    // Falls through: not JSON at all.
  }
  throw malformed('Messages are JSON objects: {"type":"subscribe","eval_id":"…"}.');
}

const malformed = (message: string): AppError => new AppError('invalid', 'socket.message', message);
