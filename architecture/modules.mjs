/**
 * The whole dependency diagram of the server: each module, and the modules it may use through their index.
 * An edge missing here is an edge the layer check refuses; so is a module missing here.
 *
 * @type {Readonly<Record<string, readonly string[]>>}
 */
export const moduleDependencies = {
  tenancy: [],
  audit: ['tenancy', 'access'],
  events: [],
  assets: ['vault'],
  runners: [],
  vault: ['tenancy'],
  captures: ['vault'],
  metering: ['audit', 'events'],
  access: ['tenancy'],
  identity: ['tenancy', 'access'],
  providers: ['vault', 'metering', 'audit'],
  webhooks: ['events', 'vault'],
  evaluations: ['runners', 'assets', 'events'],
  workflows: ['events', 'evaluations', 'providers', 'assets'],
};
