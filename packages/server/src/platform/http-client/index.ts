export { AddressRules } from './address-rules.ts';
export { bareHost, readDestination } from './destination.ts';
export type { Resolve } from './guarded-connector.ts';
export { HttpClient } from './http-client.ts';
export { retryAfterOf } from './retry-after.ts';
