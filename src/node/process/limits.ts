/** Of the process runtime; the kubelet's figures where it has one. */

/** A program that does not end by itself is given this long at least before SIGKILL. Milliseconds. */
export const shortestGraceMs = 2_000;

/** Between two tries to get what a pod waits for (an image, a ConfigMap). Milliseconds, doubled up to the longest. */
export const retryMsMin = 500;
export const retryMsMax = 60_000;

/** The server is waited for so long when it is told that a program ended, before that is started again. Milliseconds. */
export const tellMsMax = 250;

/** Back-off of images: first, then doubled up to the longest. Milliseconds. */
export const imageBackoffMsMin = 10_000;
export const imageBackoffMsMax = 300_000;

/** Volumes with content of the API are looked at again after so long, whatever the watches say. Milliseconds. */
export const volumeResyncMs = 60_000;

/** What is kept of a termination message: the whole, and the last lines of a log. Bytes and lines. */
export const terminationMessageBytesMax = 4_096;
export const terminationLogBytesMax = 2_048;
export const terminationLogLinesMax = 80;

/** Of a probe's or hook's output that is told. Bytes. */
export const probeOutputBytesMax = 10_240;

/** A container's log grows to this; then the older part is kept beside it, once. Bytes. */
export const logBytesMax = 10 * 1024 * 1024;

/** One entry of the times of a log stands for at least so long. Milliseconds. */
export const logTimeGrainMs = 50;

/** A postStart hook may take so long; upstream has no bound of its own. Milliseconds. */
export const postStartMsMax = 600_000;

/** Whether a container of an image has come to its program is looked up so often. Milliseconds. */
export const startedPollMs = 10;
