/** A set of scopes that an organization names itself. Who has it holds these instead of the ladder role's. */
export type CustomRole = {
  id: string;
  name: string;
  description: string;
  scopes: readonly string[];
  version: number;
  createdAt: Date;
  updatedAt: Date;
};
