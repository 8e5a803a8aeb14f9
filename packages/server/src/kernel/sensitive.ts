const inspect = Symbol.for('nodejs.util.inspect.custom');

/** A value that prints as `[secret]` wherever it may end up: logs, JSON, errors, `util.inspect`. */
export class Sensitive<Value> {
  readonly #value: Value;

  constructor(value: Value) {
    this.#value = value;
  }

  /** The value itself. Call it where it is used, keep it nowhere. */
  reveal(): Value {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect](): string {
    return '[secret]';
  }
}
