import pg from 'pg';

const INT8 = 20;

function parseInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value))
    throw new RangeError(`A bigint column holds ${text}, beyond what a number can say exactly.`);
  return value;
}

/** Column parsers: the driver's own, but `bigint` as a number that refuses to be inexact. */
export const columnTypes: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    return oid === INT8 && format !== 'binary' ? parseInt8 : pg.types.getTypeParser(oid, format ?? 'text');
  },
} as pg.CustomTypesConfig;
