/* libsrtp as a child process: one sender's master key, packets in hex, one line each.
 *
 *   libsrtp PROFILE KEY_AND_SALT WINDOW      profile: its number in DTLS-SRTP, decimal
 *     stream SSRC ROC    its next packet has this roll-over counter, as if told out of band
 *     protect PACKET     RTP to SRTP
 *     unprotect PACKET   SRTP to RTP
 *
 * Every line is answered: "ok", the packet, or "refused" with libsrtp's number of the reason.
 * SSRCs that no line names start at roll-over counter 0. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <srtp2/srtp.h>

#define MAX_PACKET 4096

static uint8_t key[SRTP_MAX_KEY_LEN];
static srtp_policy_t policy;
static srtp_t sender, receiver;

static void require(srtp_err_status_t status, const char *what)
{
    if (status != srtp_err_status_ok) {
        fprintf(stderr, "libsrtp: %s: error %d\n", what, status);
        exit(1);
    }
}

/* Bytes from hex digits; how many, or -1. */
static int read_hex(const char *digits, uint8_t *out, size_t max)
{
    size_t len = strlen(digits) / 2;
    if (len > max) {
        return -1;
    }
    for (size_t at = 0; at < len; at++) {
        unsigned int byte;
        if (sscanf(digits + 2 * at, "%2x", &byte) != 1) {
            return -1;
        }
        out[at] = (uint8_t)byte;
    }
    return (int)len;
}

static srtp_err_status_t add_stream(uint32_t ssrc, uint32_t roc)
{
    srtp_policy_t specific = policy;
    specific.ssrc.type = ssrc_specific;
    specific.ssrc.value = ssrc;
    srtp_t both[] = { sender, receiver };
    for (int at = 0; at < 2; at++) {
        srtp_err_status_t status = srtp_add_stream(both[at], &specific);
        if (status == srtp_err_status_ok) {
            status = srtp_set_stream_roc(both[at], ssrc, roc);
        }
        if (status != srtp_err_status_ok) {
            return status;
        }
    }
    return srtp_err_status_ok;
}

static void answer(srtp_err_status_t status, const uint8_t *packet, int len)
{
    if (status != srtp_err_status_ok) {
        printf("refused %d\n", status);
    } else {
        printf("ok ");
        for (int at = 0; at < len; at++) {
            printf("%02x", packet[at]);
        }
        printf("\n");
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: libsrtp PROFILE KEY_AND_SALT WINDOW\n");
        return 2;
    }
    srtp_profile_t profile = (srtp_profile_t)atoi(argv[1]);
    require(srtp_init(), "init");
    require(srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, profile), "profile");
    require(srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp, profile), "profile");
    if (read_hex(argv[2], key, sizeof key) != policy.rtp.cipher_key_len) {
        fprintf(stderr, "libsrtp: key and salt do not have the profile's length\n");
        return 1;
    }
    policy.key = key;
    policy.window_size = (unsigned long)atoi(argv[3]);
    policy.ssrc.type = ssrc_any_outbound;
    require(srtp_create(&sender, &policy), "sender");
    policy.ssrc.type = ssrc_any_inbound;
    require(srtp_create(&receiver, &policy), "receiver");

    static char line[2 * MAX_PACKET + 64], digits[2 * MAX_PACKET + 1];
    static uint8_t packet[MAX_PACKET + SRTP_MAX_TRAILER_LEN];
    while (fgets(line, sizeof line, stdin)) {
        unsigned int ssrc, roc;
        int len;
        if (sscanf(line, "stream %x %x", &ssrc, &roc) == 2) {
            answer(add_stream(ssrc, roc), packet, 0);
        } else if (sscanf(line, "protect %8192s", digits) == 1 &&
                   (len = read_hex(digits, packet, MAX_PACKET)) >= 0) {
            srtp_err_status_t status = srtp_protect(sender, packet, &len);
            answer(status, packet, len);
        } else if (sscanf(line, "unprotect %8192s", digits) == 1 &&
                   (len = read_hex(digits, packet, MAX_PACKET)) >= 0) {
            srtp_err_status_t status = srtp_unprotect(receiver, packet, &len);
            answer(status, packet, len);
        } else {
            fprintf(stderr, "libsrtp: not understood: %s", line);
            return 1;
        }
    }
    return 0;
}
