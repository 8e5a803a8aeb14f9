import { BuildsError, ControlError, EvaluationsError, FleetError, OAuthError, type Route } from '@assay/contract';
import { expect } from 'vitest';

const ERRORS = {
  evaluations: EvaluationsError,
  control: ControlError,
  builds: BuildsError,
  fleet: FleetError,
  oauth: OAuthError,
} as const;

/** Holds a refusal to the shape of the surface that it comes from; health and documents have none. */
export function expectErrorShape(surface: Route['surface'] | string, body: unknown): void {
  const error = (ERRORS as Readonly<Record<string, (typeof ERRORS)[keyof typeof ERRORS]>>)[surface];
  if (error) expect(() => error.parse(body)).not.toThrow();
}
