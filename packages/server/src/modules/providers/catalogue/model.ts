import type { KindConfig, ProviderKind } from '../upstream/endpoints.ts';

/*
 * provider    where model calls go: a row of the organization, or one of the two that are built in
 * model       what a provider is asked for; callers may know it by an alias
 * tier        what callers ask for who do not care which model answers
 * capability  what a model can do besides text; a request that needs one is not given to a model without it
 */

export const TIERS = ['basic', 'standard', 'premium'] as const;
export type Tier = (typeof TIERS)[number];

export const CAPABILITIES = ['tools', 'json_schema', 'images', 'documents', 'reasoning', 'embeddings'] as const;
export type Capability = (typeof CAPABILITIES)[number];

/** A model as a provider's row lists it. */
export type ListedModel = {
  id: string;
  /** The name that callers use; the id unless given. Several providers may have the same. */
  alias: string | null;
  tier: Tier | null;
  /** Share of the calls among models of the same name, 1 to 1,000. */
  weight: number;
  /** The most that it can produce at once; null where nobody said. */
  maxOutputTokens: number | null;
  /** Null: whatever its kind can do. */
  capabilities: readonly Capability[] | null;
};

export type BuiltIn = 'echo' | 'replay';

export type Provider = {
  orgId: string;
  id: string;
  name: string;
  displayName: string;
  kind: ProviderKind | BuiltIn;
  baseUrl: string | null;
  /** The last four characters of a key of its own; null for a provider without one. */
  keyHint: string | null;
  /** The credential or the secret in the vault that takes the place of a key of its own. */
  credentialId: string | null;
  secret: string | null;
  defaultModel: string | null;
  models: readonly ListedModel[];
  config: KindConfig;
  version: number;
  createdAt: Date;
  updatedAt: Date;
  archivedAt: Date | null;
};

export const isBuiltIn = (kind: Provider['kind']): kind is BuiltIn => kind === 'echo' || kind === 'replay';

/** What a kind can do, where its row does not say otherwise. */
const KIND_CAPABILITIES: Readonly<Record<Provider['kind'], readonly Capability[]>> = {
  anthropic: ['tools', 'json_schema', 'images', 'documents', 'reasoning'],
  openai: ['tools', 'json_schema', 'images', 'documents', 'reasoning', 'embeddings'],
  gemini: ['tools', 'json_schema', 'images', 'documents', 'reasoning', 'embeddings'],
  'azure-openai': ['tools', 'json_schema', 'images', 'reasoning', 'embeddings'],
  vertex: ['tools', 'json_schema', 'images', 'documents', 'reasoning', 'embeddings'],
  'openai-compatible': ['tools', 'json_schema', 'images', 'reasoning', 'embeddings'],
  ollama: ['tools', 'json_schema', 'images', 'reasoning', 'embeddings'],
  echo: ['embeddings'],
  replay: ['tools', 'json_schema', 'images', 'documents', 'reasoning'],
};

export const capabilitiesOf = (kind: Provider['kind'], model: ListedModel | null): readonly Capability[] =>
  model?.capabilities ?? KIND_CAPABILITIES[kind];

/** Echo streams what it is given; replay plays what was recorded. Both are there without a key. */
export function builtIns(orgId: string, replayIsOn: boolean): Provider[] {
  const of = (id: string, kind: BuiltIn, displayName: string): Provider => ({
    orgId,
    id,
    name: kind,
    displayName,
    kind,
    baseUrl: null,
    keyHint: null,
    credentialId: null,
    secret: null,
    // A replay is of some model: which, its caller has to say.
    defaultModel: kind === 'echo' ? kind : null,
    models: [],
    config: {},
    version: 1,
    createdAt: EPOCH,
    updatedAt: EPOCH,
    archivedAt: null,
  });
  const echo = of('00000000-0000-4000-8000-00000000ec40', 'echo', 'Echo');
  return replayIsOn ? [echo, of('00000000-0000-4000-8000-000000007e91', 'replay', 'Replay')] : [echo];
}
const EPOCH = new Date(0);
