import { type Body, expectFields, list, numberOrNull, object, refuse, text, type Wire } from './wire.ts';

const FIELDS = ['contents', 'systemInstruction', 'tools', 'toolConfig', 'generationConfig', 'safetySettings'];

const texts = (parts: Body[]): string =>
  parts.flatMap((part) => (part['text'] === undefined ? [] : [text(part['text'])])).join('');

/** Google's `generateContent`, at Gemini and on Vertex. */
export const generateContent: Wire = {
  read(body, path) {
    expectFields(body, FIELDS, ['contents']);
    const [, model = '', method] =
      /models\/([^/:]+):(generateContent|streamGenerateContent\?alt=sse)$/.exec(path) ??
      refuse(`Unknown path: ${path}`);
    const contents = list(body['contents']);
    for (const { role } of contents)
      if (role !== 'user' && role !== 'model') refuse(`Please use a valid role: user, model. ${role}`);
    const last = list((contents.findLast(({ role }) => role === 'user') ?? refuse('Nobody asked.'))['parts']);
    const config = object(body['generationConfig'] ?? {});
    const calling = object(object(body['toolConfig'] ?? {})['functionCallingConfig'] ?? {});
    const allowed = calling['allowedFunctionNames'];
    return {
      model,
      isStreamed: method !== 'generateContent',
      system: body['systemInstruction'] === undefined ? '' : texts(list(object(body['systemInstruction'])['parts'])),
      text: texts(last),
      images: last.flatMap((part) =>
        part['inlineData'] === undefined ? [] : [text(object(part['inlineData'])['data'])],
      ),
      tools: list(body['tools']).flatMap((tool) =>
        list(tool['functionDeclarations']).map((declared) => {
          object(declared['parametersJsonSchema']);
          return text(declared['name']);
        }),
      ),
      forced: Array.isArray(allowed) ? text(allowed[0]) : null,
      results: last.flatMap((part) => {
        if (part['functionResponse'] === undefined) return [];
        const { name, response } = object(part['functionResponse']);
        const calls = contents.flatMap(({ parts }) => list(parts)).flatMap(({ functionCall }) => functionCall ?? []);
        if (!calls.some((call) => object(call)['name'] === name)) refuse('A response to no call.');
        return [text(object(response)['result'])];
      }),
      schema: config['responseJsonSchema'] === undefined ? null : object(config['responseJsonSchema']),
      maxTokens: numberOrNull(config['maxOutputTokens']),
    };
  },
  whole: ({ words, tool, counted }, { model }) =>
    piece(model, tool ? { functionCall: { name: tool.name, args: tool.input } } : { text: words.join('') }, counted),
  stream({ words, tool, counted }, { model }) {
    if (tool) return [{ data: piece(model, { functionCall: { name: tool.name, args: tool.input } }, counted) }];
    return words.map((word, at) => ({ data: piece(model, { text: word }, at === words.length - 1 ? counted : null) }));
  },
  error: (status, message) => ({
    error: { code: status, message, status: status === 429 ? 'RESOURCE_EXHAUSTED' : 'INVALID_ARGUMENT' },
  }),
};

const piece = (model: string, part: object, counted: { input: number; output: number } | null) => ({
  candidates: [{ content: { role: 'model', parts: [part] }, index: 0, ...(counted ? { finishReason: 'STOP' } : {}) }],
  ...(counted
    ? {
        usageMetadata: {
          promptTokenCount: counted.input,
          candidatesTokenCount: counted.output,
          totalTokenCount: counted.input + counted.output,
        },
      }
    : {}),
  modelVersion: model,
  responseId: 'response-1',
});
