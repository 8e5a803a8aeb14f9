import { describe, expect, test } from 'vitest';
import { aCall } from '../../../test/calls.ts';
import { AppError, ERROR_KINDS, type ErrorKind } from '../../kernel/errors.ts';
import { renderError as asBuilds } from '../builds/render-error.ts';
import { renderError as asPage } from '../console/render-error.ts';
import { renderError as asControl } from '../control/render-error.ts';
import { renderError as asEvaluations } from '../evaluations/render-error.ts';
import { renderError as asFleet } from '../fleet/render-error.ts';
import { renderError as asOAuth } from '../oauth/render-error.ts';
import { renderError as asOps } from '../ops/render-error.ts';

/** What each kind looks like on each surface, as the contract has it. */
const SHOWN: Record<ErrorKind, [status: number, control: string, builds: string, evaluations: string]> = {
  invalid: [400, 'validation_failed', 'VALIDATION_ERROR', 'Validation error'],
  unauthenticated: [401, 'unauthenticated', 'UNAUTHORIZED', 'Unauthorized'],
  denied: [403, 'permission_denied', 'FORBIDDEN', 'Forbidden'],
  not_found: [404, 'not_found', 'NOT_FOUND', 'Not found'],
  conflict: [409, 'conflict', 'CONFLICT', 'Conflict'],
  precondition: [412, 'precondition_failed', 'PRECONDITION_FAILED', 'Precondition failed'],
  billing: [423, 'billing_inactive', 'BILLING_INACTIVE', 'Billing inactive'],
  rate_limited: [429, 'rate_limited', 'RATE_LIMITED', 'Rate limit exceeded'],
  over_budget: [402, 'budget_exceeded', 'BUDGET_EXCEEDED', 'Budget exceeded'],
  too_large: [413, 'payload_too_large', 'PAYLOAD_TOO_LARGE', 'Payload too large'],
  unsupported_media: [415, 'unsupported_media_type', 'UNSUPPORTED_MEDIA_TYPE', 'Unsupported media type'],
  cancelled: [499, 'cancelled', 'CANCELLED', 'Request cancelled'],
  deadline: [503, 'deadline_exceeded', 'DEADLINE_EXCEEDED', 'Service unavailable'],
  unavailable: [503, 'unavailable', 'UNAVAILABLE', 'Service unavailable'],
  unimplemented: [501, 'unimplemented', 'NOT_IMPLEMENTED', 'Not implemented'],
  internal: [500, 'internal', 'INTERNAL', 'Internal server error'],
};

const call = aCall();
const faults = [{ field: 'name', constraint: 'required', message: 'Name field is required' }];

describe.each(ERROR_KINDS)('a refusal of the kind %s', (kind) => {
  const [status, control, builds, evaluations] = SHOWN[kind];
  const error = new AppError(kind, 'thing.refused', 'Not like this.', { cause: new Error('hunter2') });

  test('on control is in the envelope', () => {
    expect(asControl(error, call, '/v1/things')).toEqual({
      status,
      body: {
        meta: {
          request_id: call.requestId,
          trace_id: '4bf92f35-77b3-4da6-a3ce-929d0e0e4736',
          timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
          status,
          version: '1.0',
        },
        context: { principal_id: call.principal.id, organization_id: call.principal.orgId, team_id: null },
        data: null,
        error: { code: control, message: 'Not like this.', request_id: call.requestId, details: {} },
        links: { self: '/v1/things' },
      },
    });
  });

  test('on builds is a code in upper case', () => {
    expect(asBuilds(error)).toEqual({ status, body: { error: { code: builds, message: 'Not like this.' } } });
  });

  test('on evaluations is a title, a detail and the status', () => {
    expect(asEvaluations(error)).toEqual({
      status,
      body: { error: evaluations, detail: 'Not like this.', status_code: status },
    });
  });

  test('on ops is a sentence', () => {
    expect(asOps(error)).toEqual({ status, body: { error: 'Not like this.' } });
  });

  test('on fleet is a text, and bad input is 422', () => {
    expect(asFleet(error)).toEqual({
      status: kind === 'invalid' ? 422 : status,
      body: { error: expect.stringMatching(/^[A-Z]/) },
    });
  });

  test('on oauth is one word of RFC 6749, and a description', () => {
    expect(asOAuth(error)).toEqual({
      status,
      body: { error: expect.stringMatching(/^[a-z_]+$/), error_description: 'Not like this.' },
    });
  });

  test('on pages is a page that says it', () => {
    expect(asPage(error, call)).toEqual({ status, body: expect.stringContaining('Not like this.') });
  });

  test('shows nothing of its cause anywhere', () => {
    const shown = [
      asControl(error, call, '/'),
      asBuilds(error),
      asEvaluations(error),
      asOps(error),
      asFleet(error),
      asOAuth(error),
      asPage(error, call),
    ];
    expect(JSON.stringify(shown)).not.toContain('hunter2');
  });
});

describe('faults in fields', () => {
  const error = new AppError('invalid', 'request.invalid', 'Name field is required', { faults });

  test('are listed on control with their sentences', () => {
    expect(asControl(error, call, '/')).toMatchObject({ body: { error: { details: { fields: faults } } } });
  });

  test('are listed on builds by field and constraint', () => {
    expect(asBuilds(error)).toMatchObject({
      body: { error: { details: [{ field: 'name', constraint: 'required' }] } },
    });
  });
});

describe('what a device is told while it waits', () => {
  const error = new AppError('invalid', 'device.authorization_pending', 'Nobody has "decided" yet – wait.');

  test('is one word on fleet', () => {
    expect(asFleet(error)).toEqual({ status: 400, body: { error: 'authorization_pending' } });
  });

  test('is that word on oauth, with a description of what RFC 6749 allows in one', () => {
    expect(asOAuth(error)).toEqual({
      status: 400,
      body: { error: 'authorization_pending', error_description: "Nobody has 'decided' yet ? wait." },
    });
  });
});

describe('codes that say more than their kind', () => {
  test.each([
    ['denied', 'access.role_missing', 403, 'forbidden'],
    ['denied', 'access.scope_missing', 403, 'permission_denied'],
    ['conflict', 'idempotency.in_progress', 409, 'idempotency_in_progress'],
    ['invalid', 'idempotency.key_reused', 422, 'idempotency_key_reused'],
    ['invalid', 'page.cursor_invalid', 400, 'invalid_cursor'],
  ] as [ErrorKind, string, number, string][])('%s %s is %i %s on control', (kind, code, status, shown) => {
    expect(asControl(new AppError(kind, code, 'No.'), call, '/')).toMatchObject({
      status,
      body: { meta: { status }, error: { code: shown } },
    });
  });

  test('a reused idempotency key is 422 on every surface that takes one', () => {
    const error = new AppError('invalid', 'idempotency.key_reused', 'No.');
    expect(asBuilds(error).status).toBe(422);
    expect(asEvaluations(error)).toMatchObject({ status: 422, body: { status_code: 422 } });
  });
});
