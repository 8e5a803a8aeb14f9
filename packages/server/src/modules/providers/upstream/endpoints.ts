import { AppError } from '../../../kernel/errors.ts';
import type { EmbeddingDialectName } from '../dialects/embedding-dialects.ts';
import type { DialectName } from '../dialects/index.ts';

/** What providers there are, by the API that they speak. */
export const PROVIDER_KINDS = [
  'anthropic',
  'openai',
  'gemini',
  'azure-openai',
  'vertex',
  'openai-compatible',
  'ollama',
] as const;
export type ProviderKind = (typeof PROVIDER_KINDS)[number];

/** Settings of a kind besides address and key. */
export type KindConfig = {
  /** Google Cloud project and region (vertex). */
  project?: string;
  location?: string;
  /** `api-version` of the query (azure-openai). */
  apiVersion?: string;
};

export type Target = { model: string; stream: boolean; config: KindConfig };

/** Where and how a kind of provider is asked. Paths are below the provider's base address. */
type Endpoint = {
  baseUrl: string | null;
  /** The dialect of a model: some providers sell models of several vendors. */
  dialect(model: string): DialectName;
  chatPath(target: Target): string;
  responsesPath: string | null;
  /** Null: none of its models embeds. */
  embeddings: ((model: string, config: KindConfig) => EmbeddingsEndpoint | null) | null;
  /** Puts an API key where the provider looks for it. */
  keyHeader(key: string): Record<string, string>;
};

type EmbeddingsEndpoint = { dialect: EmbeddingDialectName; path: string };

const bearer = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` });
const AZURE_API_VERSION = '2024-10-21';
const segment = encodeURIComponent;

function googleCloud({ project, location }: KindConfig): string {
  if (!project || !location) {
    throw new AppError(
      'invalid',
      'provider.config_missing',
      'A Vertex provider needs `config.project` and `config.location`. Set them on the provider.',
    );
  }
  return `/v1/projects/${segment(project)}/locations/${segment(location)}/publishers`;
}

const isClaude = (model: string): boolean => model.startsWith('claude');

function vertexPath({ model, stream, config }: Target): string {
  const publishers = googleCloud(config);
  if (isClaude(model))
    return `${publishers}/anthropic/models/${segment(model)}:${stream ? 'streamRawPredict' : 'rawPredict'}`;
  return `${publishers}/google/models/${segment(model)}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`;
}

/** The second generation of Gemini's embeddings left `predict` behind. */
function vertexEmbeddings(model: string, config: KindConfig): EmbeddingsEndpoint | null {
  if (isClaude(model)) return null;
  const isContent = model.startsWith('gemini-embedding-2');
  return {
    dialect: isContent ? 'vertex-content' : 'vertex',
    path: `${googleCloud(config)}/google/models/${segment(model)}:${isContent ? 'embedContent' : 'predict'}`,
  };
}

const openAiEmbeddings = (): EmbeddingsEndpoint => ({ dialect: 'openai', path: '/embeddings' });

const azurePath = (what: string, model: string, { apiVersion = AZURE_API_VERSION }: KindConfig): string =>
  `/openai/deployments/${segment(model)}/${what}?api-version=${segment(apiVersion)}`;

export const ENDPOINTS: Readonly<Record<ProviderKind, Endpoint>> = {
  anthropic: {
    baseUrl: 'https://api.anthropic.com',
    dialect: () => 'anthropic',
    chatPath: () => '/v1/messages',
    responsesPath: null,
    embeddings: null,
    keyHeader: (key) => ({ 'x-api-key': key }),
  },
  openai: {
    baseUrl: 'https://api.openai.com/v1',
    dialect: () => 'openai-chat',
    chatPath: () => '/chat/completions',
    responsesPath: '/responses',
    embeddings: openAiEmbeddings,
    keyHeader: bearer,
  },
  gemini: {
    baseUrl: 'https://generativelanguage.googleapis.com',
    dialect: () => 'gemini',
    chatPath: ({ model, stream }) =>
      `/v1beta/models/${segment(model)}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
    responsesPath: null,
    embeddings: (model) => ({ dialect: 'gemini', path: `/v1beta/models/${segment(model)}:batchEmbedContents` }),
    keyHeader: (key) => ({ 'x-goog-api-key': key }),
  },
  'azure-openai': {
    baseUrl: null,
    dialect: () => 'openai-chat',
    chatPath: ({ model, config }) => azurePath('chat/completions', model, config),
    responsesPath: null,
    embeddings: (model, config) => ({ dialect: 'openai', path: azurePath('embeddings', model, config) }),
    keyHeader: (key) => ({ 'api-key': key }),
  },
  vertex: {
    baseUrl: null,
    dialect: (model) => (isClaude(model) ? 'anthropic' : 'gemini'),
    chatPath: vertexPath,
    responsesPath: null,
    embeddings: vertexEmbeddings,
    keyHeader: bearer,
  },
  'openai-compatible': {
    baseUrl: null,
    dialect: () => 'openai-chat',
    chatPath: () => '/chat/completions',
    responsesPath: null,
    embeddings: openAiEmbeddings,
    keyHeader: bearer,
  },
  ollama: {
    baseUrl: 'http://127.0.0.1:11434',
    dialect: () => 'ollama',
    chatPath: () => '/api/chat',
    responsesPath: null,
    embeddings: () => ({ dialect: 'ollama', path: '/api/embed' }),
    keyHeader: bearer,
  },
};

/** Vertex is addressed by region; the others by what their row says, or where the vendor is. */
export function baseUrlOf(kind: ProviderKind, baseUrl: string | null, { location }: KindConfig): string {
  if (baseUrl !== null) return baseUrl.replace(/\/+$/, '');
  if (kind === 'vertex' && location)
    return location === 'global'
      ? 'https://aiplatform.googleapis.com'
      : `https://${location}-aiplatform.googleapis.com`;
  const known = ENDPOINTS[kind].baseUrl;
  if (known !== null) return known;
  throw new AppError(
    'invalid',
    'provider.address_missing',
    `A provider of kind ${kind} needs \`base_url\`. Set it on the provider.`,
  );
}

/** Version of the Messages API that is asked for when the client names none. */
export const ANTHROPIC_VERSION = '2023-06-01';
/** On Vertex the version stands in the body, and the model in the path. */
export const ANTHROPIC_VERTEX_VERSION = 'vertex-2023-10-16';
