import {
  status as Code,
  ResponderBuilder,
  ServerInterceptingCall,
  type ServerInterceptor,
  ServerListenerBuilder,
} from '@grpc/grpc-js';

/** Ends calls whose one request does not arrive in time: they would hold a stream for as long as the caller likes. */
export const boundedArrival =
  (withinMs: number): ServerInterceptor =>
  (method, call) => {
    if (method.requestStream) return new ServerInterceptingCall(call);
    let timer: NodeJS.Timeout | undefined;
    const stop = (): void => clearTimeout(timer);
    const listener = new ServerListenerBuilder()
      .withOnReceiveHalfClose((next) => {
        stop();
        next();
      })
      .withOnCancel(stop)
      .build();
    const responder = new ResponderBuilder()
      .withStart((next) => {
        timer = setTimeout(() => {
          const details = `The request did not arrive within ${withinMs / 1000} seconds. Send it whole, then wait.`;
          call.sendStatus({ code: Code.DEADLINE_EXCEEDED, details });
        }, withinMs);
        next(listener);
      })
      .build();
    return new ServerInterceptingCall(call, responder);
  };
