export * from './isolation.ts';
export * from './protocol.ts';
