import type { DescService } from '@bufbuild/protobuf';
import { AuthzService } from '../gen/assay/v1/authz_service_pb.ts';
import { EvaluationService } from '../gen/assay/v1/evaluation_service_pb.ts';
import { EventService } from '../gen/assay/v1/event_service_pb.ts';
import { IdentityService } from '../gen/assay/v1/identity_service_pb.ts';

type Operations<Service extends DescService> = { readonly [Method in keyof Service['method'] & string]: string };

/** The server's operation behind each method of a service. */
const operationsOf = <Service extends DescService>(service: Service, operations: Operations<Service>) => ({
  service,
  operations: operations as Readonly<Record<string, string>>,
});

/** Every service of package `assay.v1`, and the operation that each of its methods runs. */
const SERVICES = [
  operationsOf(AuthzService, { check: 'access.decision.check', checkBatch: 'access.decision.check_batch' }),
  operationsOf(EvaluationService, {
    submit: 'evaluations.evaluation.submit',
    submitBatch: 'evaluations.batch.submit',
    get: 'evaluations.evaluation.get',
    list: 'evaluations.evaluation.list',
    getLogs: 'evaluations.output.get',
    streamLogs: 'evaluations.output.follow',
    cancel: 'evaluations.evaluation.kill',
    kill: 'evaluations.evaluation.kill',
  }),
  operationsOf(EventService, { subscribe: 'events.stream.follow' }),
  operationsOf(IdentityService, {
    me: 'identity.principal.get',
    listOrganizations: 'tenancy.organization.list_mine',
    listPermissions: 'access.permission.list',
  }),
];

/** One RPC: what comes in, what goes out, and the operation that does it. */
export type Rpc = {
  /** As gRPC calls it: `/assay.v1.EvaluationService/Submit`. */
  path: string;
  method: DescService['methods'][number];
  /** Name of the server's operation. */
  operation: string;
};

/** The path of a method on the wire. */
export const pathOf = ({ parent, name }: DescService['methods'][number]): string => `/${parent.typeName}/${name}`;

/** All RPCs, in the order of their services. */
export const allRpcs: readonly Rpc[] = SERVICES.flatMap(({ service, operations }) =>
  service.methods.map((method) => ({
    path: pathOf(method),
    method,
    operation: operations[method.localName] ?? '',
  })),
);
