import { type Body, expectFields, list, numberOrNull, object, refuse, text, type Wire } from './wire.ts';

const FIELDS = [
  'model',
  'max_tokens',
  'system',
  'messages',
  'tools',
  'tool_choice',
  'temperature',
  'top_p',
  'top_k',
  'stop_sequences',
  'stream',
  'thinking',
  'metadata',
  'output_config',
  'anthropic_version',
];
const blocks = (content: unknown): Body[] =>
  typeof content === 'string' ? [{ type: 'text', text: content }] : list(content);
const texts = (parts: Body[]): string =>
  parts.flatMap((part) => (part['type'] === 'text' ? [text(part['text'])] : [])).join('');

/** Anthropic's Messages, at Anthropic and on Vertex, where the path says what else the body does. */
export const messages: Wire = {
  read(body, path) {
    const onVertex = /publishers\/anthropic\/models\/([^:]+):(rawPredict|streamRawPredict)$/.exec(path);
    expectFields(body, FIELDS, ['max_tokens', 'messages', onVertex ? 'anthropic_version' : 'model']);
    if (onVertex && body['model'] !== undefined) refuse('model: Extra inputs are not permitted');
    if (onVertex && (onVertex[2] === 'streamRawPredict') !== (body['stream'] === true))
      refuse('The path says otherwise.');
    const turns = turnsOf(body);
    const said = turns.map(({ role, content }) => ({ role, parts: blocks(content) }));
    const last = said.findLast(({ role }) => role === 'user')?.parts ?? refuse('Nobody asked.');
    const uses = said.flatMap(({ parts }) =>
      parts.flatMap((part) => (part['type'] === 'tool_use' ? [part['id']] : [])),
    );
    const format = object(object(body['output_config'] ?? {})['format'] ?? {});
    const choice = object(body['tool_choice'] ?? {});
    return {
      model: onVertex?.[1] ?? text(body['model']),
      isStreamed: body['stream'] === true,
      system: texts(blocks(body['system'] ?? '')),
      text: texts(last),
      images: last.flatMap((part) => (part['type'] === 'image' ? [imageOf(object(part['source']))] : [])),
      tools: list(body['tools']).map((tool) => {
        if (object(tool['input_schema'])['type'] !== 'object') refuse('tools.0.input_schema.type: Field required');
        return text(tool['name']);
      }),
      forced: choice['type'] === 'tool' ? text(choice['name']) : null,
      results: last.flatMap((part) => {
        if (part['type'] !== 'tool_result') return [];
        if (!uses.includes(part['tool_use_id'])) refuse('unexpected `tool_use_id`');
        return [texts(blocks(part['content']))];
      }),
      schema: format['type'] === 'json_schema' ? object(format['schema']) : null,
      maxTokens: numberOrNull(body['max_tokens']),
    };
  },
  whole: ({ words, tool, counted }, { model }) => ({
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model,
    content: [tool ? { type: 'tool_use', id: 'toolu_1', ...tool } : { type: 'text', text: words.join('') }],
    stop_reason: tool ? 'tool_use' : 'end_turn',
    stop_sequence: null,
    usage: { input_tokens: counted.input, output_tokens: counted.output },
  }),
  stream({ words, tool, counted }, { model }) {
    const message = { id: 'msg_1', type: 'message', role: 'assistant', model, content: [] };
    const deltas: object[] = tool
      ? [{ type: 'input_json_delta', partial_json: '' }, ...halves(JSON.stringify(tool.input))]
      : words.map((word) => ({ type: 'text_delta', text: word }));
    const events = [
      {
        type: 'message_start',
        message: {
          ...message,
          stop_reason: null,
          stop_sequence: null,
          usage: { input_tokens: counted.input, output_tokens: 1 },
        },
      },
      {
        type: 'content_block_start',
        index: 0,
        content_block: tool
          ? { type: 'tool_use', id: 'toolu_1', name: tool.name, input: {} }
          : { type: 'text', text: '' },
      },
      { type: 'ping' },
      ...deltas.map((delta) => ({ type: 'content_block_delta', index: 0, delta })),
      { type: 'content_block_stop', index: 0 },
      {
        type: 'message_delta',
        delta: { stop_reason: tool ? 'tool_use' : 'end_turn', stop_sequence: null },
        usage: { output_tokens: counted.output },
      },
      { type: 'message_stop' },
    ];
    return events.map((event) => ({ event: event.type, data: event }));
  },
  error: (status, message) => ({
    type: 'error',
    error: {
      type: status === 429 ? 'rate_limit_error' : status === 401 ? 'authentication_error' : 'api_error',
      message,
    },
  }),
};

function turnsOf(body: Body): Body[] {
  const turns = list(body['messages']);
  for (const { role } of turns) if (role !== 'user' && role !== 'assistant') refuse(`Unknown role: ${role}`);
  return turns;
}

const halves = (json: string): object[] =>
  [json.slice(0, 5), json.slice(5)].map((partial_json) => ({ type: 'input_json_delta', partial_json }));

const imageOf = (source: Body): string =>
  source['type'] === 'base64' && source['media_type'] === 'image/png' ? text(source['data']) : text(source['url']);
