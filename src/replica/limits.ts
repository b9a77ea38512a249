/** A larger request is refused (etcd's --max-request-bytes). */
export const requestBytesMaxDefault = 1_572_864;
/**
 * A transaction in a transaction in …: a log entry deeper than this is damaged. Above what the store's own check lets pass (each
 * level costs one of at most 128 operations), so that nothing is committed that cannot be read back.
 */
export const txnDepthMax = 256;
/** Proposals and reads without an outcome; more are refused. */
export const pendingRequestsMax = 16_384;
/** Bytes of them. */
export const pendingBytesMax = 128 * 1024 * 1024;
/** Bytes of proposals handed to the core at once; it takes them all or none, and they may become one message. */
export const proposeBytesMax = 1024 * 1024;
/** Raft's clock ticks so often in a heartbeat interval: the drawn election time-outs then seldom collide. */
export const ticksPerHeartbeat = 5;
/** Bytes of data the store may hold (etcd's --quota-backend-bytes). */
export const quotaBytesDefault = 2 * 1024 * 1024 * 1024;
/**
 * Bytes of the disk that stay free besides room for an image: a segment of the log, and what a busy cluster writes between two looks. With
 * less the alarm NOSPACE is raised.
 */
export const diskReserveBytesDefault = 128 * 1024 * 1024;
/** Between two looks at the room on the disk. */
export const diskLookMs = 1000;
/** Alarms raised at one time: two a member, and members that somebody made up. */
export const alarmsMax = 1024;
/** Bytes proposed and not committed. */
export const uncommittedBytesMax = 64 * 1024 * 1024;
/** Bytes of entries in one append message. */
export const appendBytesMax = 1024 * 1024;
/** Append messages on their way to one follower (etcd: 512). */
export const inflightMessagesMax = 256;
/** Bytes of entries on their way to one follower: half of what may wait for its connection. */
export const inflightBytesMax = 16 * 1024 * 1024;
/** Bytes of entries applied in one go, before I/O gets a turn. */
export const committedBytesMax = 4 * 1024 * 1024;
/** Bytes waiting for the connection to one peer; messages beyond are dropped, Raft asks again. */
export const peerQueueBytesMax = 32 * 1024 * 1024;
/** A frame from a peer: an append with one request of the greatest size, and then some. */
export const frameBytesMax = 16 * 1024 * 1024;
/** Without an outcome until then, a request is given up; an election may need its time-out besides (etcd: 5 s + 2 elections). */
export const requestTimeoutMs = 5000;
/** A read index without an answer is asked again after this. */
export const readRetryMs = 500;
/** Keys that ranges hand out in one turn before others have theirs: a tenth of a millisecond's work. */
export const rangeKeysPerTurn = 256;
/** Who has written alone so often will again. */
export const loneWritesMin = 16;
/** Leases revoked or checkpointed in one turn. */
export const leasesPerTurn = 256;
/** Learners at a time (etcd's --max-learners): each costs the leader what a follower does. */
export const learnersMaxDefault = 1;
/** A learner is in sync that has this part of the leader's log. */
export const learnerReadyShare = 0.9;
/**
 * Election time-outs that members must have been connected for before the voters may change (etcd: 5 s, which this is with the
 * default of one second).
 */
export const healthyElections = 5;
/** An entry that takes longer to apply is counted as slow (etcd's --warning-apply-duration). */
export const slowApplyMs = 100;
/** A removed member goes on for so long: its last answers leave, and it hears what the others have to say. Milliseconds. */
export const removedGraceMs = 1000;
/** Hashes kept of the last compactions, as etcd keeps them; as many may wait to be made. */
export const compactionHashesMax = 10;
/** A state of so many bytes is written as an image whenever enough entries have come, however few bytes they have. */
export const imageBytesFree = 4 * 1024 * 1024;
/** An image is due when the log since the last one weighs so many times the state. With one, images were a fifth of all that puts cost. */
export const imageLogPerState = 2;
/** Bytes of log after which an image is due in any case: a follower keeps so much in memory, and a start reads it again. */
export const imageLogBytesMax = 64 * 1024 * 1024;
/** Between two attempts to write an image that somebody waits for. */
export const imageRetryMs = 1000;
/** What an entry weighs besides its data: small ones take little memory, but each has to be applied again at a start. */
export const imageEntryBytes = 128;
