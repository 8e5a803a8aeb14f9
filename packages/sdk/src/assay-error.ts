/** Everything that this client throws by itself. An aborted call rejects with its signal's reason instead. */
export class AssayError extends Error {
  override readonly name: string = 'AssayError';
}

/** No answer came: the server could not be reached, or the connection broke, also after the retries. */
export class ConnectionError extends AssayError {
  override readonly name: string = 'ConnectionError';
}

/** No answer came in time. */
export class TimeoutError extends ConnectionError {
  override readonly name: string = 'TimeoutError';
}

/** Something answered that does not speak this API, a proxy for example. */
export class MalformedAnswerError extends AssayError {
  override readonly name: string = 'MalformedAnswerError';
}
