// The segment that the processes of a litmus test share, in 32-bit words. Every variable has a cache line and the
// next one to itself: processors fetch lines in pairs.

/** Instances of a test that run between two meetings of its processes. */
export const INSTANCES = 256;
export const PROCESSES = 4;
const VARIABLES = 2;
const REGISTERS = 4;
const APART = 32;

const MEETING = 0;
const FIRST_POSITION = APART;
const FIRST_VARIABLE = FIRST_POSITION + PROCESSES * APART;
const FIRST_REGISTER = FIRST_VARIABLE + INSTANCES * VARIABLES * APART;
export const LENGTH_BYTES = 4 * (FIRST_REGISTER + INSTANCES * REGISTERS);

export const meetingWord = MEETING;
export const positionWord = (process) => FIRST_POSITION + process * APART;
export const variableWord = (instance, variable) =>
  FIRST_VARIABLE + (instance * VARIABLES + variable) * APART;
export const registerWord = (instance, register) => FIRST_REGISTER + instance * REGISTERS + register;
