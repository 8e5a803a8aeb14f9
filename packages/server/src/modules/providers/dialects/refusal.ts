import { AppError } from '../../../kernel/errors.ts';
import type { Embeddable } from '../embedding-model.ts';

/** A request that the dialect's own rules do not allow. */
export const invalidRequest = (field: string, message: string): AppError =>
  new AppError('invalid', 'chat.invalid', message, { faults: [{ field, constraint: 'shape', message }] });

/** A request that is right in one dialect and cannot be said in the one that the provider speaks. */
export const inexpressible = (field: string, provider: string): AppError =>
  new AppError(
    'invalid',
    'chat.inexpressible',
    `${provider} cannot do what \`${field}\` asks for. Leave it out, or choose another model.`,
    { faults: [{ field, constraint: 'expressible', message: `Not supported by ${provider}.` }] },
  );

/**
 * Inputs as texts, for those who take no others: tokens mean something only to the tokenizer that made them.
 * @throws AppError `invalid` for tokens
 */
export function textsOf(inputs: readonly Embeddable[], provider: string): string[] {
  return inputs.map((input) => {
    if (typeof input === 'string') return input;
    throw inexpressible('input', provider);
  });
}
