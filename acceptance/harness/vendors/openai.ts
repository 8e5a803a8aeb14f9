import {
  type Body,
  expectFields,
  type Frame,
  imageOf,
  list,
  numberOrNull,
  object,
  refuse,
  text,
  type Wire,
} from './wire.ts';

const CHAT_FIELDS = [
  'model',
  'messages',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'max_completion_tokens',
  'max_tokens',
  'temperature',
  'top_p',
  'stop',
  'response_format',
  'stream',
  'stream_options',
  'user',
];
const ROLES = ['system', 'developer', 'user', 'assistant', 'tool'];
const error: Wire['error'] = (status, message) => ({
  error: { message, type: status === 429 ? 'requests' : 'invalid_request_error', param: null, code: null },
});

const head = (model: string) => ({ id: 'chatcmpl-1', created: 1_700_000_000, model });
const chatUsage = (counted: { input: number; output: number }) => ({
  prompt_tokens: counted.input,
  completion_tokens: counted.output,
  total_tokens: counted.input + counted.output,
});

/** OpenAI's Chat Completions, as OpenAI, Azure and the many that are compatible speak it. */
export const chatCompletions: Wire = {
  read(body, path) {
    expectFields(body, CHAT_FIELDS, ['messages']);
    const messages = list(body['messages']);
    for (const { role } of messages) if (!ROLES.includes(text(role))) refuse(`Unknown role: ${role}`);
    const last = object(messages.findLast(({ role }) => role === 'user') ?? refuse('Nobody asked.'));
    const parts =
      typeof last['content'] === 'string' ? [{ type: 'text', text: last['content'] }] : list(last['content']);
    const format = body['response_format'] === undefined ? null : object(body['response_format']);
    const choice = body['tool_choice'];
    return {
      model: /deployments\/([^/]+)\//.exec(path)?.[1] ?? text(body['model']),
      isStreamed: body['stream'] === true,
      system: messages
        .flatMap(({ role, content }) => (role === 'system' || role === 'developer' ? [text(content)] : []))
        .join(''),
      text: parts.flatMap((part) => (part['type'] === 'text' ? [text(part['text'])] : [])).join(''),
      images: parts.flatMap((part) =>
        part['type'] === 'image_url' ? [imageOf(text(object(part['image_url'])['url']))] : [],
      ),
      tools: list(body['tools']).map((tool) => {
        if (tool['type'] !== 'function') refuse('Unknown type of tool.');
        object(object(tool['function'])['parameters']);
        return text(object(tool['function'])['name']);
      }),
      forced: typeof choice === 'object' ? text(object(object(choice)['function'])['name']) : null,
      results: messages.flatMap((message) => {
        if (message['role'] !== 'tool') return [];
        const calls = messages.flatMap(({ tool_calls }) => list(tool_calls)).map(({ id }) => id);
        if (!calls.includes(message['tool_call_id'])) refuse('A result of no call.');
        return [text(message['content'])];
      }),
      schema: format?.['type'] === 'json_schema' ? object(object(format['json_schema'])['schema']) : null,
      maxTokens: numberOrNull(body['max_completion_tokens'] ?? body['max_tokens']),
    };
  },
  whole: ({ words, tool, counted }, { model }) => ({
    ...head(model),
    object: 'chat.completion',
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: tool ? null : words.join(''),
          refusal: null,
          ...(tool ? { tool_calls: [callOf(tool)] } : {}),
        },
        logprobs: null,
        finish_reason: tool ? 'tool_calls' : 'stop',
      },
    ],
    usage: chatUsage(counted),
  }),
  stream({ words, tool, counted }, { model }) {
    const chunk = (delta: Body, finish: string | null = null): Frame => ({
      data: {
        ...head(model),
        object: 'chat.completion.chunk',
        choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
      },
    });
    const call = tool && callOf(tool);
    const [begin, rest] = [call?.function.arguments.slice(0, 5), call?.function.arguments.slice(5)];
    const pieces = call
      ? [
          chunk({
            role: 'assistant',
            content: null,
            tool_calls: [{ index: 0, ...call, function: { name: call.function.name, arguments: '' } }],
          }),
          chunk({ tool_calls: [{ index: 0, function: { arguments: begin } }] }),
          chunk({ tool_calls: [{ index: 0, function: { arguments: rest } }] }),
        ]
      : [chunk({ role: 'assistant', content: '', refusal: null }), ...words.map((content) => chunk({ content }))];
    return [
      ...pieces,
      chunk({}, tool ? 'tool_calls' : 'stop'),
      { data: { ...head(model), object: 'chat.completion.chunk', choices: [], usage: chatUsage(counted) } },
      { data: '[DONE]' },
    ];
  },
  error,
};

const callOf = ({ name, input }: { name: string; input: object }) => ({
  id: 'call_1',
  type: 'function',
  function: { name, arguments: JSON.stringify(input) },
});

/** OpenAI's Responses. */
export const responses: Wire = {
  read(body) {
    const input = body['input'];
    const items: Body[] =
      typeof input === 'string' ? [{ role: 'user', content: [{ type: 'input_text', text: input }] }] : list(input);
    const content = (item: Body): Body[] =>
      typeof item['content'] === 'string' ? [{ type: 'input_text', text: item['content'] }] : list(item['content']);
    const said = (role: string): Body[] => items.filter((item) => item['role'] === role);
    const texts = (parts: Body[]): string =>
      parts.flatMap((part) => (part['type'] === 'input_text' ? [text(part['text'])] : [])).join('');
    const last = content(said('user').at(-1) ?? refuse('Nobody asked.'));
    const format = object(object(body['text'] ?? {})['format'] ?? {});
    const choice = body['tool_choice'];
    return {
      model: text(body['model']),
      isStreamed: body['stream'] === true,
      system: [
        body['instructions'] ?? '',
        ...[...said('system'), ...said('developer')].map((item) => texts(content(item))),
      ].join(''),
      text: texts(last),
      images: last.flatMap((part) => (part['type'] === 'input_image' ? [imageOf(text(part['image_url']))] : [])),
      tools: list(body['tools']).map(({ name }) => text(name)),
      forced: typeof choice === 'object' && choice !== null ? text(object(choice)['name']) : null,
      results: items.flatMap((item) => (item['type'] === 'function_call_output' ? [text(item['output'])] : [])),
      schema: format['type'] === 'json_schema' ? object(format['schema']) : null,
      maxTokens: numberOrNull(body['max_output_tokens']),
    };
  },
  whole: ({ words, tool, counted }, { model }) => responseOf(model, [itemOf(words.join(''), tool)], counted),
  stream({ words, tool, counted }, { model }) {
    const item = itemOf(words.join(''), tool);
    const place = { item_id: item.id, output_index: 0 };
    const inside = tool
      ? [
          { type: 'response.function_call_arguments.delta', ...place, delta: item.arguments },
          { type: 'response.function_call_arguments.done', ...place, arguments: item.arguments },
        ]
      : [
          {
            type: 'response.content_part.added',
            ...place,
            content_index: 0,
            part: { type: 'output_text', text: '', annotations: [] },
          },
          ...words.map((delta) => ({
            type: 'response.output_text.delta',
            ...place,
            content_index: 0,
            delta,
            logprobs: [],
          })),
          { type: 'response.output_text.done', ...place, content_index: 0, text: words.join(''), logprobs: [] },
        ];
    const events = [
      { type: 'response.created', response: { ...responseOf(model, [], null), status: 'in_progress' } },
      {
        type: 'response.output_item.added',
        output_index: 0,
        item: { ...item, status: 'in_progress', ...(tool ? { arguments: '' } : { content: [] }) },
      },
      ...inside,
      { type: 'response.output_item.done', output_index: 0, item },
      { type: 'response.completed', response: responseOf(model, [item], counted) },
    ];
    return events.map((event, sequence_number) => ({ event: event.type, data: { ...event, sequence_number } }));
  },
  error,
};

const itemOf = (said: string, tool: { name: string; input: object } | null) =>
  tool
    ? {
        id: 'fc_1',
        type: 'function_call',
        status: 'completed',
        call_id: 'call_1',
        name: tool.name,
        arguments: JSON.stringify(tool.input),
      }
    : {
        id: 'msg_1',
        type: 'message',
        status: 'completed',
        role: 'assistant',
        content: [{ type: 'output_text', text: said, annotations: [], logprobs: [] }],
        arguments: undefined,
      };

const responseOf = (model: string, output: object[], counted: { input: number; output: number } | null) => ({
  id: 'resp_1',
  object: 'response',
  created_at: 1_700_000_000,
  status: 'completed',
  error: null,
  incomplete_details: null,
  instructions: null,
  metadata: {},
  model,
  output,
  parallel_tool_calls: true,
  tool_choice: 'auto',
  tools: [],
  usage: counted && {
    input_tokens: counted.input,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: counted.output,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: counted.input + counted.output,
  },
});
