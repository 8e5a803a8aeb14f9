export { AddressRules } from './address-rules.ts';
export { readDestination } from './destination.ts';
export type { Resolve } from './guarded-connector.ts';
export { HttpClient } from './http-client.ts';
