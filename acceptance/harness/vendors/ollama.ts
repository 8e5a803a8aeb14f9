import { expectFields, list, numberOrNull, object, refuse, text, type Wire } from './wire.ts';

const FIELDS = ['model', 'messages', 'tools', 'format', 'options', 'stream', 'think', 'keep_alive'];
const ROLES = ['system', 'user', 'assistant', 'tool'];

/** Ollama's `/api/chat`, whose streams are lines of JSON. */
export const ollamaChat: Wire = {
  isLines: true,
  read(body) {
    expectFields(body, FIELDS, ['model', 'messages']);
    const messages = list(body['messages']);
    for (const { role } of messages) if (!ROLES.includes(text(role))) refuse(`Unknown role: ${role}`);
    for (const { content } of messages) text(content);
    const last = messages.findLast(({ role }) => role === 'user') ?? refuse('Nobody asked.');
    const { format } = body;
    return {
      model: text(body['model']),
      // Streams unless it is told otherwise.
      isStreamed: body['stream'] !== false,
      system: messages.flatMap(({ role, content }) => (role === 'system' ? [text(content)] : [])).join(''),
      text: text(last['content']),
      images: (Array.isArray(last['images']) ? last['images'] : []).map(text),
      tools: list(body['tools']).map((tool) => text(object(tool['function'])['name'])),
      forced: null,
      results: messages.flatMap(({ role, content }) => (role === 'tool' ? [text(content)] : [])),
      schema: format === undefined || format === 'json' ? null : object(format),
      maxTokens: numberOrNull(object(body['options'] ?? {})['num_predict']),
    };
  },
  whole: ({ words, tool, counted }, { model }) => ({
    ...line(model, tool ? { content: '', tool_calls: [callOf(tool)] } : { content: words.join('') }),
    ...end(counted),
  }),
  stream: ({ words, tool, counted }, { model }) => [
    ...(tool
      ? [{ data: line(model, { content: '', tool_calls: [callOf(tool)] }) }]
      : words.map((word) => ({ data: line(model, { content: word }) }))),
    { data: { ...line(model, { content: '' }), ...end(counted) } },
  ],
  error: (_status, message) => ({ error: message }),
};

const callOf = ({ name, input }: { name: string; input: object }) => ({ function: { name, arguments: input } });
const line = (model: string, message: object) => ({
  model,
  created_at: '2026-01-01T00:00:00.000000Z',
  message: { role: 'assistant', ...message },
  done: false,
});
const end = ({ input, output }: { input: number; output: number }) => ({
  done: true,
  done_reason: 'stop',
  prompt_eval_count: input,
  eval_count: output,
});
