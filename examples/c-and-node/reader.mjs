// Reads what the C program measures, and stops it when it has seen enough. `reader.mjs [READINGS]`
import { setTimeout as sleep } from 'node:timers/promises';
import { openController } from 'rsmapi';

// struct readings of sensor.c
const [COUNT, STOP] = [0, 1];
const CELSIUS_OFFSET = 8;

const enough = Number(process.argv[2] ?? 50);
const controller = openController();
const segment = await controller.connect({ id: 0x440000 });
const memory = segment.map();
const words = new Int32Array(memory, 0, 2);
const celsius = new Float64Array(memory, CELSIUS_OFFSET);

while (Atomics.load(words, COUNT) < enough) await sleep(10); // a C program posts no events
const mean = celsius.subarray(0, enough).reduce((sum, value) => sum + value, 0) / enough;
Atomics.store(words, STOP, 1);

console.log(`${enough} readings, mean ${mean.toFixed(1)}`);
segment.close();
controller.close();
