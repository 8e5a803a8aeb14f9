import { describe, expect, test } from 'vitest';
import { MOST_INPUTS } from '../embedding-model.ts';
import { EMBEDDING_DIALECTS } from './embedding-dialects.ts';
import { encodeOpenAiEmbeddings, formatOfEmbeddings } from './openai-embeddings/answer.ts';
import { decodeEmbeddingRequest, forwardEmbedding, headOfEmbedding } from './openai-embeddings/request.ts';
import { base64OfVector, vectorOfBase64 } from './vectors.ts';

const sent = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const { openai, gemini, vertex, ollama } = EMBEDDING_DIALECTS;
const content = EMBEDDING_DIALECTS['vertex-content'];

const request = { model: 'm', inputs: ['the cat', 'a dog'], dimensions: 2, user: 'u-1' };
const plain = { ...request, dimensions: null, user: null };
const vectors = [
  [0.6, -0.8],
  [1, 0],
];
/** [0.5, -1.5] as OpenAI packs it. */
const PACKED = 'AAAAPwAAwL8=';

describe('a request', () => {
  test('is written in the words of each vendor', () => {
    expect(sent(openai.encode(request))).toEqual({
      model: 'm',
      input: ['the cat', 'a dog'],
      encoding_format: 'float',
      dimensions: 2,
      user: 'u-1',
    });
    expect(sent(gemini.encode(request))).toEqual({
      requests: [
        { model: 'models/m', content: { parts: [{ text: 'the cat' }] }, outputDimensionality: 2 },
        { model: 'models/m', content: { parts: [{ text: 'a dog' }] }, outputDimensionality: 2 },
      ],
    });
    expect(sent(vertex.encode(request))).toEqual({
      instances: [{ content: 'the cat' }, { content: 'a dog' }],
      parameters: { autoTruncate: false, outputDimensionality: 2 },
    });
    expect(sent(content.encode({ ...request, inputs: ['the cat'] }))).toEqual({
      content: { parts: [{ text: 'the cat' }] },
      autoTruncate: false,
      outputDimensionality: 2,
    });
    expect(sent(ollama.encode(request))).toEqual({
      model: 'm',
      input: ['the cat', 'a dog'],
      truncate: false,
      dimensions: 2,
    });
  });

  test('leaves out what nobody asked for', () => {
    expect(sent(openai.encode(plain))).toEqual({ model: 'm', input: plain.inputs, encoding_format: 'float' });
    expect(sent(ollama.encode(plain))).toEqual({ model: 'm', input: plain.inputs, truncate: false });
    expect(sent(vertex.encode(plain))).toMatchObject({ parameters: { autoTruncate: false } });
  });

  test('of tokens is for those alone whose tokenizer made them', () => {
    const tokens = { ...plain, inputs: [[464, 3797]] };
    expect(sent(openai.encode(tokens))).toMatchObject({ input: [[464, 3797]] });
    for (const dialect of [gemini, vertex, content, ollama])
      expect(() => dialect.encode(tokens)).toThrow(/cannot do what `input` asks for/);
  });

  test('is as large as the vendor takes it', () => {
    expect(gemini.mostInputs('gemini-embedding-001')).toBe(100);
    expect(vertex.mostInputs('text-embedding-005')).toBe(250);
    expect(vertex.mostInputs('gemini-embedding-001')).toBe(1);
  });
});

describe("a request of OpenAI's clients", () => {
  const body = { model: 'm', input: ['the cat'], encoding_format: 'base64', dimensions: 2 };

  test.each([
    ['a text', 'the cat', ['the cat']],
    ['texts', ['the cat', 'a dog'], ['the cat', 'a dog']],
    ['tokens of one text', [464, 3797], [[464, 3797]]],
    ['tokens of several', [[464], [3797, 1]], [[464], [3797, 1]]],
  ])('may hold %s', (_name, input, inputs) => {
    expect(headOfEmbedding({ ...body, input })).toEqual({ model: 'm', inputs, format: 'base64' });
  });

  test.each([
    ['no input', { input: undefined }, 'input is required.'],
    ['an empty text', { input: '' }, 'input.0 must be a text or tokens, and not empty.'],
    ['no texts', { input: [] }, 'input must be a text, a list of texts, or tokens, and hold at least one.'],
    ['an empty text among others', { input: ['a', ''] }, 'input.1 must be a text or tokens, and not empty.'],
    ['no tokens', { input: [[]] }, 'input.0 must be a text or tokens, and not empty.'],
    ['half a token', { input: [[1.5]] }, 'input.0 must be a text or tokens, and not empty.'],
    ['something else', { input: { text: 'a' } }, 'input must be a text, a list of texts, or tokens, and hold'],
    ['too many texts', { input: Array(MOST_INPUTS + 1).fill('a') }, 'at most 2048 texts: 2049 are too many.'],
    ['no dimensions', { dimensions: 0 }, 'dimensions must be from 1 to 16384.'],
    ['absurd dimensions', { dimensions: 1e9 }, 'dimensions must be from 1 to 16384.'],
    ['half a dimension', { dimensions: 1.5 }, 'dimensions must be a whole number'],
    ['another format', { encoding_format: 'hex' }, 'encoding_format must be one of float, base64.'],
    ['no model', { model: undefined }, 'model is required.'],
  ])('with %s is refused', (_name, wrong, message) => {
    expect(() => headOfEmbedding({ ...body, ...wrong })).toThrow(message);
  });

  test('goes on as it is, but for the name of the model', () => {
    const own = { ...body, of_tomorrow: 1 };
    expect(forwardEmbedding(own, { model: 'm' })).toBe(own);
    expect(forwardEmbedding(own, { model: 'its-name' })).toEqual({ ...own, model: 'its-name' });
  });

  test('says nothing to other vendors that they could not heed', () => {
    expect(decodeEmbeddingRequest(body)).toEqual({ model: 'm', inputs: ['the cat'], dimensions: 2, user: null });
    expect(() => decodeEmbeddingRequest({ ...body, input_type: 'query' })).toThrow(/`input_type`/);
  });
});

describe('an answer', () => {
  const openAi = {
    object: 'list',
    data: [
      { object: 'embedding', index: 1, embedding: vectors[1] },
      { object: 'embedding', index: 0, embedding: vectors[0] },
    ],
    model: 'text-embedding-3-small',
    usage: { prompt_tokens: 5, total_tokens: 5 },
  };

  test('is read from the words of each vendor, in the order of the inputs', () => {
    expect(openai.decode(openAi, 2)).toEqual({ model: 'text-embedding-3-small', vectors, inputTokens: 5 });
    const values = vectors.map((each) => ({ values: each }));
    expect(gemini.decode({ embeddings: values, usageMetadata: { promptTokenCount: 5 } }, 2)).toEqual({
      model: null,
      vectors,
      inputTokens: 5,
    });
    const predictions = values.map((each, at) => ({
      embeddings: { ...each, statistics: { truncated: false, token_count: at + 2 } },
    }));
    expect(vertex.decode({ predictions, metadata: { billableCharacterCount: 12 } }, 2)).toEqual({
      model: null,
      vectors,
      inputTokens: 5,
    });
    const one = { embedding: values[0], usageMetadata: { promptTokenCount: 3, totalTokenCount: 3 }, truncated: false };
    expect(content.decode(one, 1)).toEqual({ model: null, vectors: [vectors[0]], inputTokens: 3 });
    const local = { model: 'nomic-embed-text', embeddings: vectors, total_duration: 14143917, prompt_eval_count: 5 };
    expect(ollama.decode(local, 2)).toEqual({ model: 'nomic-embed-text', vectors, inputTokens: 5 });
  });

  test('that counts nothing says so', () => {
    expect(openai.decode({ ...openAi, usage: { prompt_tokens: 0 } }, 2)?.inputTokens).toBeNull();
    expect(gemini.decode({ embeddings: [{ values: [1] }] }, 1)?.inputTokens).toBeNull();
    expect(vertex.decode({ predictions: [{ embeddings: { values: [1] } }] }, 1)?.inputTokens).toBeNull();
    expect(content.decode({ embedding: { values: [1] } }, 1)?.inputTokens).toBeNull();
    expect(ollama.decode({ embeddings: [[1]] }, 1)?.inputTokens).toBeNull();
  });

  test.each([
    ['of fewer vectors', { data: [{ index: 0, embedding: [1] }] }],
    ['of more vectors', { data: [0, 1, 2].map((index) => ({ index, embedding: [1] })) }],
    ['of the same vector twice', { data: [0, 0].map((index) => ({ index, embedding: [1] })) }],
    ['of vectors of two lengths', { data: [{ embedding: [1] }, { embedding: [1, 2] }] }],
    ['of empty vectors', { data: [{ embedding: [] }, { embedding: [] }] }],
    ['of what is no number', { data: [{ embedding: [null] }, { embedding: [1] }] }],
    ['of the infinite', { data: [{ embedding: JSON.parse('[1e999]') }, { embedding: [1] }] }],
    ['of packed NaN', { data: [{ embedding: base64OfVector([Number.NaN]) }, { embedding: 'AACAPw==' }] }],
    ['of half a number', { data: [{ embedding: 'AAA=' }, { embedding: 'AACAPw==' }] }],
    ['of something else packed', { data: [{ embedding: '<html>' }, { embedding: 'AACAPw==' }] }],
    ['without any', {}],
    ['that is none', []],
  ])('%s is no answer', (_name, body) => {
    expect(openai.decode(body, 2)).toBeNull();
  });

  test.each([
    ['Gemini', gemini, { embeddings: [{ values: ['NaN'] }] }],
    ['Gemini without values', gemini, { embeddings: [{}] }],
    ['Vertex', vertex, { predictions: [{ embeddings: { values: [null] } }] }],
    ['Vertex of the second generation', content, { embedding: {} }],
    ['Ollama', ollama, { embeddings: [['NaN']] }],
  ])('of %s without numbers is no answer', (_name, dialect, body) => {
    expect(dialect.decode(body, 1)).toBeNull();
    expect(dialect.decode('<html>', 1)).toBeNull();
  });

  test('is shown as OpenAI’s clients ask for it', () => {
    const answer = { vectors: [[0.5, -1.5]], model: 'm', inputTokens: 3 };
    const shown = { object: 'list', model: 'm', usage: { prompt_tokens: 3, total_tokens: 3 } };
    const float = encodeOpenAiEmbeddings(answer, 'float');
    const base64 = encodeOpenAiEmbeddings(answer, 'base64');
    expect(float).toEqual({ ...shown, data: [{ object: 'embedding', index: 0, embedding: [0.5, -1.5] }] });
    expect(base64).toEqual({ ...shown, data: [{ object: 'embedding', index: 0, embedding: PACKED }] });
    expect([float, base64].map(formatOfEmbeddings)).toEqual(['float', 'base64']);
  });

  test('that came packed is the same numbers', () => {
    expect(vectorOfBase64(PACKED)).toEqual(Float32Array.of(0.5, -1.5));
    expect(openai.decode({ data: [{ index: 0, embedding: PACKED }] }, 1)?.vectors).toEqual([
      Float32Array.of(0.5, -1.5),
    ]);
  });
});
