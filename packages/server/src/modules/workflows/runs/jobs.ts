export { deleteRunsOlderThan } from './store.ts';
