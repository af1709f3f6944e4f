/** vitest setup of `conformance-ofi0`: without its nodes nothing is tested, least of all loopback once more. */
import { beforeEach, inject } from 'vitest';

if (inject('plane') === undefined) beforeEach(({ skip }) => skip());
