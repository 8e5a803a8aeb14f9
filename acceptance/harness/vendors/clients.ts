import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import Anthropic from '@anthropic-ai/sdk';
import { generateText, jsonSchema, type LanguageModel, Output, streamText, type ToolSet } from 'ai';
import OpenAI from 'openai';

export type Told = { text: string; input: number; output: number };
export type Called = { name: string; input: unknown };

/** What an application does with a model, in the words of one of the packages that are made for it. */
export type ChatClient = {
  name: string;
  whole(model: string, text: string, system?: string): Promise<Told>;
  stream(model: string, text: string): Promise<Told>;
  /** Asks with a tool there is, and gives how it was called. */
  call(model: string, text: string, isStreamed: boolean): Promise<Called>;
  /** Says what the tool answered, and gives what the model makes of it. */
  answer(model: string, called: Called, result: string): Promise<string>;
  json(model: string, text: string): Promise<unknown>;
  see(model: string, text: string, png: string): Promise<string>;
  /** The status and message of a refusal. */
  fail(model: string): Promise<{ status: number | undefined; message: string }>;
};

export const SCHEMA = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
} as const;
const ABOUT = 'Tells the weather.';
const LIMIT = 100;

const asked = <Role extends 'user'>(role: Role, content: string): { role: Role; content: string } => ({
  role,
  content,
});

async function failureOf(call: Promise<unknown>): Promise<{ status: number | undefined; message: string }> {
  try {
    await call;
  } catch (thrown) {
    const { status, statusCode, message } = thrown as { status?: number; statusCode?: number; message: string };
    return { status: status ?? statusCode, message };
  }
  throw new Error('It did not fail.');
}

type Options = { url: string; apiKey: string; maxRetries?: number };

function openAiChat({ url, apiKey, maxRetries = 0 }: Options): ChatClient {
  const { completions } = new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries }).chat;
  const tools = [{ type: 'function' as const, function: { name: 'weather', description: ABOUT, parameters: SCHEMA } }];
  const max_completion_tokens = LIMIT;
  return {
    name: 'openai, chat completions',
    async whole(model, text, system) {
      const messages = [...(system ? [{ role: 'system' as const, content: system }] : []), asked('user', text)];
      const { choices, usage } = await completions.create({ model, max_completion_tokens, messages });
      const { prompt_tokens = 0, completion_tokens = 0 } = usage ?? {};
      return { text: choices[0]?.message.content ?? '', input: prompt_tokens, output: completion_tokens };
    },
    async stream(model, text) {
      const told = { text: '', input: 0, output: 0 };
      const of = { model, max_completion_tokens, messages: [asked('user', text)] };
      const options = { stream: true, stream_options: { include_usage: true } } as const;
      for await (const { choices, usage } of await completions.create({ ...of, ...options })) {
        told.text += choices[0]?.delta.content ?? '';
        if (usage) Object.assign(told, { input: usage.prompt_tokens, output: usage.completion_tokens });
      }
      return told;
    },
    async call(model, text, isStreamed) {
      const of = { model, max_completion_tokens, messages: [asked('user', text)], tools };
      const final = isStreamed
        ? await completions.stream(of).finalChatCompletion()
        : await completions.create({ ...of, stream: false });
      const call = final.choices[0]?.message.tool_calls?.[0];
      if (call?.type !== 'function') throw new Error('No tool was called.');
      return { name: call.function.name, input: JSON.parse(call.function.arguments) };
    },
    async answer(model, { name, input }, result) {
      const call = { id: 'call_9', type: 'function' as const, function: { name, arguments: JSON.stringify(input) } };
      const { choices } = await completions.create({
        model,
        max_completion_tokens,
        tools,
        messages: [
          asked('user', 'And then?'),
          { role: 'assistant', content: null, tool_calls: [call] },
          { role: 'tool', tool_call_id: call.id, content: result },
        ],
      });
      return choices[0]?.message.content ?? '';
    },
    async json(model, text) {
      const { choices } = await completions.create({
        model,
        max_completion_tokens,
        messages: [asked('user', text)],
        response_format: { type: 'json_schema', json_schema: { name: 'place', schema: SCHEMA, strict: true } },
      });
      return JSON.parse(choices[0]?.message.content ?? '');
    },
    async see(model, text, png) {
      const url = `data:image/png;base64,${png}`;
      const content = [
        { type: 'text' as const, text },
        { type: 'image_url' as const, image_url: { url } },
      ];
      const { choices } = await completions.create({
        model,
        max_completion_tokens,
        messages: [{ role: 'user', content }],
      });
      return choices[0]?.message.content ?? '';
    },
    fail: (model) => failureOf(completions.create({ model, messages: [asked('user', 'fail')] })),
  };
}

function openAiResponses({ url, apiKey, maxRetries = 0 }: Options): ChatClient {
  const { responses } = new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries });
  const tools = [{ type: 'function' as const, name: 'weather', description: ABOUT, parameters: SCHEMA, strict: true }];
  const max_output_tokens = LIMIT;
  const told = (of: OpenAI.Responses.Response): Told => ({
    text: of.output_text,
    input: of.usage?.input_tokens ?? 0,
    output: of.usage?.output_tokens ?? 0,
  });
  return {
    name: 'openai, responses',
    async whole(model, text, system) {
      const instructions = system ?? null;
      return told(await responses.create({ model, max_output_tokens, input: text, instructions }));
    },
    async stream(model, text) {
      const stream = responses.stream({ model, max_output_tokens, input: text });
      let said = '';
      for await (const event of stream) if (event.type === 'response.output_text.delta') said += event.delta;
      return { ...told(await stream.finalResponse()), text: said };
    },
    async call(model, text, isStreamed) {
      const of = { model, max_output_tokens, input: text, tools };
      const { output } = isStreamed ? await responses.stream(of).finalResponse() : await responses.create(of);
      const call = output.find(({ type }) => type === 'function_call');
      if (call?.type !== 'function_call') throw new Error('No tool was called.');
      return { name: call.name, input: JSON.parse(call.arguments) };
    },
    async answer(model, { name, input }, result) {
      const call_id = 'call_9';
      const answer = await responses.create({
        model,
        max_output_tokens,
        tools,
        input: [
          asked('user', 'And then?'),
          { type: 'function_call', call_id, name, arguments: JSON.stringify(input) },
          { type: 'function_call_output', call_id, output: result },
        ],
      });
      return answer.output_text;
    },
    async json(model, text) {
      const format = { type: 'json_schema' as const, name: 'place', schema: SCHEMA, strict: true };
      const { output_text } = await responses.create({ model, max_output_tokens, input: text, text: { format } });
      return JSON.parse(output_text);
    },
    async see(model, text, png) {
      const content = [
        { type: 'input_text' as const, text },
        { type: 'input_image' as const, image_url: `data:image/png;base64,${png}`, detail: 'auto' as const },
      ];
      const { output_text } = await responses.create({ model, max_output_tokens, input: [{ role: 'user', content }] });
      return output_text;
    },
    fail: (model) => failureOf(responses.create({ model, input: 'fail' })),
  };
}

function anthropic({ url, apiKey, maxRetries = 0 }: Options): ChatClient {
  const { messages } = new Anthropic({ baseURL: url, apiKey, maxRetries });
  const tools = [{ name: 'weather', description: ABOUT, input_schema: { ...SCHEMA, required: ['city'] } }];
  const max_tokens = LIMIT;
  const said = (of: Anthropic.Message): string =>
    of.content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('');
  const told = (of: Anthropic.Message): Told => ({
    text: said(of),
    input: of.usage.input_tokens,
    output: of.usage.output_tokens,
  });
  return {
    name: '@anthropic-ai/sdk',
    async whole(model, text, system) {
      const more = system ? { system } : {};
      return told(await messages.create({ model, max_tokens, messages: [asked('user', text)], ...more }));
    },
    async stream(model, text) {
      const stream = messages.stream({ model, max_tokens, messages: [asked('user', text)] });
      const words = await stream.finalText();
      return { ...told(await stream.finalMessage()), text: words };
    },
    async call(model, text, isStreamed) {
      const of = { model, max_tokens, messages: [asked('user', text)], tools };
      const { content } = isStreamed ? await messages.stream(of).finalMessage() : await messages.create(of);
      const call = content.find(({ type }) => type === 'tool_use');
      if (call?.type !== 'tool_use') throw new Error('No tool was called.');
      return { name: call.name, input: call.input };
    },
    async answer(model, { name, input }, result) {
      const call = { type: 'tool_use' as const, id: 'toolu_9', name, input: input as object };
      const turn = { type: 'tool_result' as const, tool_use_id: call.id, content: result };
      return said(
        await messages.create({
          model,
          max_tokens,
          tools,
          messages: [
            asked('user', 'And then?'),
            { role: 'assistant', content: [call] },
            { role: 'user', content: [turn] },
          ],
        }),
      );
    },
    async json(model, text) {
      const format = { type: 'json_schema' as const, schema: SCHEMA };
      const of = { model, max_tokens, messages: [asked('user', text)], output_config: { format } };
      return JSON.parse(said(await messages.create(of)));
    },
    async see(model, text, png) {
      const source = { type: 'base64' as const, media_type: 'image/png' as const, data: png };
      const content = [
        { type: 'text' as const, text },
        { type: 'image' as const, source },
      ];
      return said(await messages.create({ model, max_tokens, messages: [{ role: 'user', content }] }));
    },
    fail: (model) => failureOf(messages.create({ model, max_tokens, messages: [asked('user', 'fail')] })),
  };
}

function aiSdk(name: string, of: (model: string) => LanguageModel, maxRetries = 0): ChatClient {
  const options = (model: string) => ({ model: of(model), maxOutputTokens: LIMIT, maxRetries });
  const tools: ToolSet = { weather: { description: ABOUT, inputSchema: jsonSchema<never>(SCHEMA) } };
  const told = (
    text: string,
    usage: { inputTokens?: number | undefined; outputTokens?: number | undefined },
  ): Told => ({
    text,
    input: usage.inputTokens ?? 0,
    output: usage.outputTokens ?? 0,
  });
  return {
    name,
    async whole(model, prompt, system) {
      const answer = await generateText({ ...options(model), prompt, ...(system ? { system } : {}) });
      return told(answer.text, answer.usage);
    },
    async stream(model, prompt) {
      const answer = streamText({ ...options(model), prompt });
      let text = '';
      for await (const piece of answer.textStream) text += piece;
      return told(text, await answer.usage);
    },
    async call(model, prompt, isStreamed) {
      const of = { ...options(model), prompt, tools };
      const calls = isStreamed ? await streamText(of).toolCalls : (await generateText(of)).toolCalls;
      const [call] = calls;
      if (!call) throw new Error('No tool was called.');
      return { name: call.toolName, input: call.input };
    },
    async answer(model, { name: toolName, input }, result) {
      const toolCallId = 'call_9';
      const { text } = await generateText({
        ...options(model),
        tools,
        messages: [
          asked('user', 'And then?'),
          { role: 'assistant', content: [{ type: 'tool-call', toolCallId, toolName, input }] },
          {
            role: 'tool',
            content: [{ type: 'tool-result', toolCallId, toolName, output: { type: 'text', value: result } }],
          },
        ],
      });
      return text;
    },
    async json(model, prompt) {
      const output = Output.object({ schema: jsonSchema(SCHEMA) });
      return (await generateText({ ...options(model), prompt, output })).output;
    },
    async see(model, text, png) {
      const content = [
        { type: 'text' as const, text },
        { type: 'image' as const, image: png, mediaType: 'image/png' },
      ];
      return (await generateText({ ...options(model), messages: [{ role: 'user', content }] })).text;
    },
    fail: (model) => failureOf(generateText({ ...options(model), prompt: 'fail' })),
  };
}

/** Each package that people use, unmodified, with another address and key. */
export function clientsOf(of: Options): ChatClient[] {
  const { url, apiKey, maxRetries } = of;
  const ai = {
    openai: createOpenAI({ baseURL: `${url}/v1`, apiKey }),
    anthropic: createAnthropic({ baseURL: `${url}/v1`, apiKey }),
  };
  return [
    openAiChat(of),
    openAiResponses(of),
    anthropic(of),
    aiSdk('ai, as OpenAI’s chat', (model) => ai.openai.chat(model), maxRetries),
    aiSdk('ai, as OpenAI’s responses', (model) => ai.openai.responses(model), maxRetries),
    aiSdk('ai, as Anthropic', (model) => ai.anthropic(model), maxRetries),
  ];
}
