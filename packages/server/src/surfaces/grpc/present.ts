import { type Timestamp, timestampFromDate } from '@bufbuild/protobuf/wkt';

/** The fields of an object that have a value: in protobuf a field is left out where there is nothing, never null. */
export type Present<Fields> = { [Name in keyof Fields]?: NonNullable<Fields[Name]> };

export function present<Fields extends object>(fields: Fields): Present<Fields> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null)) as Present<Fields>;
}

/** The times among these that are known. */
export const times = <Name extends string>(fields: Record<Name, Date | null>): { [Field in Name]?: Timestamp } =>
  Object.fromEntries(
    Object.entries<Date | null>(fields).flatMap(([name, at]) => (at === null ? [] : [[name, timestampFromDate(at)]])),
  ) as { [Field in Name]?: Timestamp };
