export { deleteOldAuthorizations } from './store.ts';
