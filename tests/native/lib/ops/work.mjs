// SPDX-License-Identifier: MIT
/** What workers do most: take a job, complete it, take the next in the same call. */
export default [];
