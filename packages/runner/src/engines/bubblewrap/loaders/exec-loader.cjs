'use strict';

/* First program of a box on a machine without Perl: does what loader.pl does, in 40 ms instead of 2. */
require('./node-loader.cjs');

const [, , program, ...args] = process.argv;
process.execve(program, [program, ...args], process.env);
