export { deleteFiringsOlderThan } from './store.ts';
