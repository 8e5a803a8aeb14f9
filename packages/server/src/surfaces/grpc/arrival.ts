import {
  status as Code,
  ResponderBuilder,
  ServerInterceptingCall,
  type ServerInterceptor,
  ServerListenerBuilder,
} from '@grpc/grpc-js';

/** For how long a call may go on sending its request: a few megabytes over a poor line. */
const ARRIVAL_MS = 30_000;

/** Ends calls whose one request does not arrive: they would hold a stream for as long as the caller likes. */
export const boundedArrival: ServerInterceptor = (method, call) => {
  if (method.requestStream) return new ServerInterceptingCall(call);
  let timer: NodeJS.Timeout | undefined;
  const stop = (): void => clearTimeout(timer);
  const listener = new ServerListenerBuilder()
    .withOnReceiveMessage((message, next) => {
      stop();
      next(message);
    })
    .withOnCancel(stop)
    .build();
  const responder = new ResponderBuilder()
    .withStart((next) => {
      timer = setTimeout(() => {
        const details = `The request did not arrive within ${ARRIVAL_MS / 1000} seconds. Send it whole, then wait.`;
        call.sendStatus({ code: Code.DEADLINE_EXCEEDED, details });
      }, ARRIVAL_MS);
      next(listener);
    })
    .build();
  return new ServerInterceptingCall(call, responder);
};
