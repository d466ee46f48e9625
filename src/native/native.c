/* SPDX-License-Identifier: MIT */
#include "native/native.h"

#include "native/bullmq.h"
#include "native/ours.h"

#include <native/transitions_sha.h>

/* Of BullMQ's scripts the texts that its clients for Node send; behind each the releases that send it. */
const struct twin native_twins[] = {
    {LUA_ADD_PLAIN_SHA1, ours_add_plain},
    {LUA_FETCH_SHA1, ours_fetch},
    {LUA_FINISH_SHA1, ours_finish},

    /* addStandardJob */
    {"f8843d48db1dc84bc5093f7615b78023ba0d6e82", bullmq_add_standard_5}, /* 5.56.0 to 5.58.9 */
    {"ef2d920371810cf44704d92290b0ac12f964d615", bullmq_add_standard_5}, /* 5.59.0 */
    {"e33b7b6b71968ca9612aa1cf1785d6e79758678e", bullmq_add_standard_5}, /* 5.60.0 to 5.61.2 */
    {"2d7dd7dc9e64977a0bb14fb5930851d80bdb1237", bullmq_add_standard_5}, /* 5.62.0 to 5.70.3 */
    {"862060edc7fa3d98d5ab7752b075e043d57bd6c2", bullmq_add_standard_5}, /* 5.70.4 to 5.71.1 */
    {"9e68e111f2ce1b318b6865bc111e4f0c75c42b8f", bullmq_add_standard_5}, /* 5.72.0 to 5.75.2 */
    {"d898c9a1b24ab7ed9510995fa28eb5874d0cf10e", bullmq_add_standard_5}, /* 5.76.0 to 5.77.3 */
    {"bfd61729215be0576f042b769c62fb7a01e31b6f", bullmq_add_standard_5}, /* 5.77.4 to 5.80.2 */
    {"808626431266f2e834f108cac6b35ce556927132", bullmq_add_standard_5}, /* 5.80.3 to 5.81.5 */
    {"d961aae0df158b3c2887dd8eb7c285294be16d24", bullmq_add_standard},   /* 6.0.0 to 6.3.6 */
    {"a2746c9c49a80628d790a3fea39ee283270f25bc", bullmq_add_standard},   /* 6.3.7 to 6.3.16 */
    {"10f8d228e89ed4f765afc5b3bafb6defbb84e311", bullmq_add_standard},   /* 6.4.0 */
    {"8fb5163d74bbb5a726c1d3a7db4d7e4a37be3eb3", bullmq_add_standard},   /* 6.5.1 to 6.5.4 */
    {"5ab432e88830d573e2fa33392ffbd4ad25a9b100", bullmq_add_standard},   /* 6.7.0 */

    /* addDelayedJob */
    {"e8642a7861277a2a64a0c01f841b4c4706b173cc", bullmq_add_delayed}, /* 5.56.0 to 5.58.9 */
    {"a13472ad73fd80f3d78f62c1846c59a934bea324", bullmq_add_delayed}, /* 5.59.0 */
    {"f7d512022be19e2e22bbdabd09332211d5c8585e", bullmq_add_delayed}, /* 5.60.0 to 5.61.2 */
    {"196b09e8a6337c68f358b8edf9e1f0ebbec3f794", bullmq_add_delayed}, /* 5.62.0 to 5.70.3 */
    {"3670026bc1e4cac5de6f95a7422292a49f15f616", bullmq_add_delayed}, /* 5.70.4 to 5.71.1 */
    {"a46a9fed8fabf95be8e9bff6cb337e905ff1eb50", bullmq_add_delayed}, /* 5.72.0 to 5.75.2 */
    {"109f323f2c888fc276e2b0e9a266ec771acd8b3d", bullmq_add_delayed}, /* 5.76.0 to 5.77.3 */
    {"cc35cf3962e57cdee29a42c1d4935547bad86cb3", bullmq_add_delayed}, /* 5.77.4 to 5.80.2 */
    {"eaca371bf33a8ee4389caf04e69d6d09a8fd12ba", bullmq_add_delayed}, /* 5.80.3 to 5.81.5 */
    {"604e0a2321f7142a82189d1b3259a35b67ce0b0a", bullmq_add_delayed}, /* 6.0.0 to 6.3.6 */
    {"f5012d7265b73be685a2a3569f5912de610fd355", bullmq_add_delayed}, /* 6.3.7 to 6.3.16 */
    {"ef55a5770d2c32d68b8528f29ced32261188aa30", bullmq_add_delayed}, /* 6.4.0 */
    {"825fa56cca22ec01221c678f2aa610da6dc38610", bullmq_add_delayed}, /* 6.5.1 to 6.5.4 */
    {"81698fd2d28e7db1787595b3c464b188fa78bdcf", bullmq_add_delayed}, /* 6.7.0 */

    /* addPrioritizedJob */
    {"a3772fe10c53678ff15e5694ad417bc4944796a2", bullmq_add_prioritized}, /* 5.56.0 to 5.58.9 */
    {"4690582ac519d8b031be033fab7f9a76499fe6e2", bullmq_add_prioritized}, /* 5.59.0 */
    {"ef679b814e5ef5153ac57cbb46c54769ea0d2a69", bullmq_add_prioritized}, /* 5.60.0 to 5.61.2 */
    {"6521874143b00ff71640e51b6b42c8b5d33ad32f", bullmq_add_prioritized}, /* 5.62.0 to 5.70.3 */
    {"3a84ec2dbee5ace9de5fc16866efc30f08355040", bullmq_add_prioritized}, /* 5.70.4 to 5.71.1 */
    {"8036011c642c4b3a7201eb5c950db037a28f6775", bullmq_add_prioritized}, /* 5.72.0 to 5.75.2 */
    {"e0837d78e5b371f447e46d6fa4267d0dbee9bfc1", bullmq_add_prioritized}, /* 5.76.0 to 5.76.6 */
    {"eddb00108fd685963e05285e7a0e9c6b94352b72", bullmq_add_prioritized}, /* 5.76.7 to 5.77.3 */
    {"f91d9e6c66fd96e9664d274f6cb845fd62151572", bullmq_add_prioritized}, /* 5.77.4 to 5.80.2 */
    {"7bd0d7e618ce59960988976ec6d8488190bfa1bf", bullmq_add_prioritized}, /* 5.80.3 to 5.81.5 */
    {"411a6d03c2e634c2b4e353664075da0125bc3846", bullmq_add_prioritized}, /* 6.0.0 to 6.3.6 */
    {"f8e172e52de52301a7bf0a775a07f86adc47f9fd", bullmq_add_prioritized}, /* 6.3.7 to 6.3.16 */
    {"7fe9ddf6854813edeaaa9b83839ac94693b1de8f", bullmq_add_prioritized}, /* 6.4.0 */
    {"c55fc7559d55d176ad12465dd13bc186e37f3d01", bullmq_add_prioritized}, /* 6.5.1 to 6.5.4 */
    {"299880da0f75f0b376ee8e87d20eae62f964ac5e", bullmq_add_prioritized}, /* 6.7.0 */

    /* moveToActive */
    {"6c4c6de2bece2ad87657691d945d902df2198f5e", bullmq_fetch}, /* 5.60.0 to 5.81.5 */
    {"8eb09338a4d68a0d75605cdbcaec70765c6b3a73", bullmq_fetch}, /* 6.0.0 to 6.2.1 */
    {"d96ca626f1ea141b44a856b312fc636d99aa9ea9", bullmq_fetch}, /* 6.2.2 to 6.7.0 */

    /* moveToFinished */
    {"0b7bd48fc19cd7a54744e000714d12a93901e347", bullmq_finish}, /* 5.60.0 to 5.66.2 */
    {"ca59e57c8a28d28862ce09ae5c4eeaf55aa01d85", bullmq_finish}, /* 5.66.3 to 5.66.5 */
    {"303794c450bb93197f5439180a4820ee7ee3e668", bullmq_finish}, /* 5.66.6 to 5.70.1 */
    {"ad2108d6beeb60e2afb686da527ff406ddc1f6c9", bullmq_finish}, /* 5.70.2 to 5.71.1 */
    {"4c483e66706d8921659b0eb77bb6db0f72e3d68b", bullmq_finish}, /* 5.72.0 to 5.73.2 */
    {"6915018337087ae3fa0e12651d84ec92e583f56a", bullmq_finish}, /* 5.73.3 to 5.76.6 */
    {"560199762fb846c1398e84a0cafbd0122f807afb", bullmq_finish}, /* 5.76.7 to 5.77.3 */
    {"11d69c87800ed307165e6eeba9c2e94d9fb95fcd", bullmq_finish}, /* 5.77.4 to 5.81.5 */
    {"cc54ad919f8d93cefbdeab649e1c7480dfeae3c6", bullmq_finish}, /* 6.0.0 to 6.2.1 */
    {"665f3bc3d4869f4c23ecb79f7615b1419e7f4cc2", bullmq_finish}, /* 6.2.2 to 6.3.4 */
    {"69666e69dd5621df59067a03de685e55a486560d", bullmq_finish}, /* 6.3.5 to 6.7.0 */

    {0},
};
