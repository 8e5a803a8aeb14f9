/*
 * What the benches use of their peers. The peers are installed with `npm --prefix bench ci` only: the sources are checked
 * against this where they are not there, too.
 */

declare module '@casl/ability' {
  export type MongoAbility = { can(action: string, subject: string): boolean };
  export const createMongoAbility: () => MongoAbility;
  export class AbilityBuilder<Ability> {
    constructor(create: () => Ability);
    can: (action: string, subject: string) => void;
    build: () => Ability;
  }
}

declare module 'casbin' {
  export type Model = { readonly model: unknown };
  export type Adapter = { loadPolicy(model: Model): Promise<void> };
  export class StringAdapter implements Adapter {
    constructor(policy: string);
    loadPolicy(model: Model): Promise<void>;
  }
  export const newModelFromString: (text: string) => Model;
  export const newEnforcer: (
    model: Model,
    adapter: Adapter,
  ) => Promise<{ enforceSync(subject: string, object: string, action: string): boolean }>;
}

declare module 'better-auth' {
  import type { ApiKeyPlugin, AuthOptions } from '@better-auth/api-key';
  export const betterAuth: (options: AuthOptions & { plugins: readonly ApiKeyPlugin[] }) => {
    api: {
      signUpEmail(of: { body: { email: string; password: string; name: string } }): Promise<{ user: { id: string } }>;
      createApiKey(of: { body: { userId: string; name: string } }): Promise<{ key: string }>;
      verifyApiKey(of: { body: { key: string } }): Promise<{ valid: boolean }>;
    };
  };
}

declare module 'better-auth/db/migration' {
  export const getMigrations: (options: object) => Promise<{ runMigrations(): Promise<void> }>;
}

declare module '@better-auth/api-key' {
  export type ApiKeyPlugin = { readonly id: string };
  export type AuthOptions = object;
  export const apiKey: (options: { rateLimit: { enabled: boolean } }) => ApiKeyPlugin;
}
