import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { Busboy } from '@fastify/busboy';
import { AppError } from '../../kernel/errors.ts';
import { patient } from './patience.ts';

/** A file that is on its way: what its sender says of it, and its bytes as they come. */
export type IncomingFile = {
  isForm: boolean;
  /** Fields of the form that stand in front of the file. */
  fields: Readonly<Record<string, string>>;
  filename: string | null;
  mediaType: string | null;
  /** What was said in front; null where it is only known at the end. */
  sizeBytes: number | null;
  bytes: AsyncIterable<Buffer>;
};

/** Fields of a form besides its file. Nobody needs more, and each is kept in memory. */
const LIMITS = { files: 1, fields: 16, parts: 17, fieldNameSize: 100, fieldSize: 1_000, headerPairs: 20 };

/** Gives the file that a request brings, by itself or in a form, and reads no more of it than its reader wants. */
export async function incomingFile(request: IncomingMessage): Promise<IncomingFile> {
  const { headers } = request;
  if (!['', 'identity'].includes(headers['content-encoding'] ?? ''))
    throw new AppError(
      'unsupported_media',
      'body.encoding',
      'Files are taken as they are: send this one without Content-Encoding.',
    );
  patient(request);
  if (/^multipart\//i.test(headers['content-type'] ?? '')) return inForm(request);
  const length = headers['content-length'];
  return {
    isForm: false,
    fields: {},
    filename: null,
    mediaType: headers['content-type'] ?? null,
    sizeBytes: length === undefined ? null : Number(length),
    // Whoever stops reading still answers, on this connection.
    bytes: request.iterator({ destroyOnReturn: false }),
  };
}

/** Lets what is left of a body go by unread: its sender only hears the answer once it is rid of it. */
export function drop(request: IncomingMessage): void {
  request.unpipe();
  request.resume();
}

type Form = InstanceType<typeof Busboy>;
type Part = { file: Readable; filename: string | undefined; mediaType: string };

async function inForm(request: IncomingMessage): Promise<IncomingFile> {
  const form = formOf(request.headers);
  const fields: Record<string, string> = {};
  const faults: AppError[] = [];
  const part = new Promise<Part>((resolve) => {
    form.once('file', (_name, file, filename, _encoding, mediaType) => {
      // A fault of the form is one of its file as well, also where nobody reads that (any more).
      file.on('error', () => {});
      resolve({ file, filename, mediaType });
    });
  });
  let isFileSeen = false;
  form.once('file', () => {
    isFileSeen = true;
  });
  form.on('field', (name, value, _isNameCut, isCut) => {
    if (isFileSeen) faults.push(malformed('The form has a field behind its file. Put it in front of it.'));
    else if (isCut || Object.hasOwn(fields, name)) faults.push(malformed(`The form has ${name} twice, or too long.`));
    else fields[name] = value;
  });
  for (const limit of ['filesLimit', 'partsLimit', 'fieldsLimit'] as const)
    form.on(limit, () => faults.push(malformed('The form has more than one file, or too many fields.')));
  const end = endOf(form, request);
  const first = await Promise.race([part, end.then(() => null)]);
  if (first === null) throw malformed('The form has no file. Send one in a part that has a filename.');
  const { file, filename = null, mediaType } = first;
  end.catch((error: Error) => file.destroy(error));
  const bytes = async function* (): AsyncGenerator<Buffer> {
    if (faults[0]) throw faults[0];
    try {
      yield* file;
    } catch (error) {
      // What is wrong with the form is said by how the form ended.
      await end;
      throw error;
    }
    // What stands behind the file belongs to the form: a file whose form was cut may have been cut itself.
    await end;
    if (faults[0]) throw faults[0];
  };
  return { isForm: true, fields, filename, mediaType, sizeBytes: null, bytes: bytes() };
}

/** How a form ends, which nobody may be waiting for when it does. */
function endOf(form: Form, request: IncomingMessage): Promise<void> {
  const end = new Promise<void>((resolve, reject) => {
    form.once('finish', resolve);
    form.on('error', (error) => reject(malformed('The form ends too early, or is none.', error)));
    request.once('close', () => request.complete || reject(new Error('The sender has gone.')));
  });
  end.catch(() => {});
  request.pipe(form);
  return end;
}

function formOf(headers: IncomingHttpHeaders): Form {
  try {
    return new Busboy({
      headers: headers as IncomingHttpHeaders & { 'content-type': string },
      limits: LIMITS,
      // A path in a name is refused, and not made into something else.
      preservePath: true,
    });
  } catch (error) {
    throw malformed('The form cannot be read. Send `Content-Type: multipart/form-data` with a boundary.', error);
  }
}

const malformed = (message: string, cause?: unknown): AppError =>
  new AppError('invalid', 'body.malformed', message, {
    faults: [{ field: 'body', constraint: 'form', message }],
    cause,
  });
