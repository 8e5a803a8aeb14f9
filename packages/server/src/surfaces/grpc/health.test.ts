import { Health, ServingStatus } from '@assay/contract/grpc';
import { type ClientReadableStream, status as Code } from '@grpc/grpc-js';
import pino from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fakeKit } from '../../../test/fakes/http-kit.ts';
import { GrpcCaller, refusalOf } from '../../../test/grpc-caller.ts';
import { until } from '../../../test/until.ts';
import { GrpcApp } from './grpc-app.ts';
import { HealthService } from './health.ts';
import { RpcSurface } from './rpc-surface.ts';

const { check, list, watch } = Health.method;

let app: GrpcApp;
let health: HealthService;
let caller: GrpcCaller;
let checks: { name: string; ok: boolean }[];
let looks: number;

beforeEach(async () => {
  checks = [
    { name: 'database', ok: true },
    { name: 'runners', ok: true },
  ];
  looks = 0;
  app = new GrpcApp({ tls: null, stopMs: 0, log: pino({ level: 'silent' }) });
  health = new HealthService(async () => {
    looks += 1;
    return checks;
  });
  health.serve(new RpcSurface(app.server, fakeKit().kit));
  caller = new GrpcCaller(await app.listen('127.0.0.1', 0));
});
afterEach(async () => {
  caller[Symbol.dispose]();
  await app[Symbol.asyncDispose]();
});

const statusOf = async (service: string) => (await caller.call(check, { service })).message.status;

/** What a watcher has been told so far. */
function watching(service: string): { told: ServingStatus[]; stream: ClientReadableStream<unknown> } {
  const told: ServingStatus[] = [];
  const stream = caller.stream(watch, { service });
  stream.on('data', ({ status }) => told.push(status)).on('error', () => {});
  return { told, stream };
}

test('who asks is told how it stands, without a credential; many who ask at once make one look', async () => {
  const answers = await Promise.all(Array.from({ length: 20 }, () => statusOf('')));
  expect(new Set(answers)).toEqual(new Set([ServingStatus.SERVING]));
  expect(looks).toBe(1);
});

test('without runners only what needs them is not served', async () => {
  checks = [
    { name: 'database', ok: true },
    { name: 'runners', ok: false },
  ];
  expect(await statusOf('assay.v1.EvaluationService')).toBe(ServingStatus.NOT_SERVING);
  expect(await statusOf('assay.v1.IdentityService')).toBe(ServingStatus.SERVING);
  expect(await statusOf('')).toBe(ServingStatus.NOT_SERVING);
  const { statuses } = (await caller.call(list, {})).message;
  expect(statuses['assay.v1.EventService']?.status).toBe(ServingStatus.SERVING);
});

test('a service that there is not is not found by Check', async () => {
  expect((await refusalOf(caller.call(check, { service: 'assay.v1.Nothing' }))).code).toBe(Code.NOT_FOUND);
});

test('a watcher is told now, and at each change; of an unknown service, that it is unknown', async () => {
  const { told } = watching('assay.v1.EventService');
  const unknown = watching('assay.v1.Nothing');
  await until('it is told', () => told.length === 1 && unknown.told.length === 1);
  checks = [{ name: 'database', ok: false }];
  await until('it is told of the change', () => told.length === 2);
  expect(told).toEqual([ServingStatus.SERVING, ServingStatus.NOT_SERVING]);
  expect(unknown.told).toEqual([ServingStatus.SERVICE_UNKNOWN]);
});

test('when the process stops, watchers are told at once', async () => {
  const { told } = watching('');
  await until('it is told', () => told.length === 1);
  health.drain();
  await until('it is told of the stop', () => told.length === 2);
  expect(told).toEqual([ServingStatus.SERVING, ServingStatus.NOT_SERVING]);
  expect(await statusOf('')).toBe(ServingStatus.NOT_SERVING);
});

test('there is an end to how many may watch', async () => {
  const open = Array.from({ length: 101 }, () => watching(''));
  const told = (): number => open.filter(({ told: said }) => said.length > 0).length;
  await until('all but one are told', () => told() === 100);
  for (const { stream } of open) stream.cancel();
  const { told: later } = watching('');
  await until('there is room again', () => later.length === 1);
});
