export { AddressRules, type Verdict } from './address-rules.ts';
export { readDestination } from './destination.ts';
export { destinationErrors } from './errors.ts';
export type { Resolve } from './guarded-connector.ts';
export { HttpClient, type HttpClientOptions, type Request, type Response } from './http-client.ts';
