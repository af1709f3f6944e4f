/*
 * Reference of iceoryx.js: ping-pong of two processes with iceoryx's untyped C++ API, spinning; RouDi must run.
 *   iceoryx BYTES ITERATIONS   ->  nanoseconds per round trip
 * Payloads as in exchange.js: short ones are copied in and out, of long ones the ends are written and read.
 */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "iceoryx_hoofs/log/logmanager.hpp"
#include "iceoryx_posh/popo/untyped_publisher.hpp"
#include "iceoryx_posh/popo/untyped_subscriber.hpp"
#include "iceoryx_posh/runtime/posh_runtime.hpp"

namespace {

constexpr size_t COPIED_BYTES = 64;
/* As in the ping-pong of iceoryx's own iceperf: one message is under way. */
constexpr uint64_t QUEUE = 1;

using Name = iox::capro::IdString_t;

double now() {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

class Side {
 public:
  Side(const Name& bench, const char* own, const char* other, size_t bytes)
      : bytes_(bytes),
        publisher_({"rsmapi", bench, Name(iox::cxx::TruncateToCapacity, own)}, publishing()),
        subscriber_({"rsmapi", bench, Name(iox::cxx::TruncateToCapacity, other)}, subscribing()) {
    while (subscriber_.getSubscriptionState() != iox::SubscribeState::SUBSCRIBED || !publisher_.hasSubscribers()) {
      std::this_thread::yield();
    }
  }

  void send(unsigned char turn) {
    publisher_.loan(static_cast<uint32_t>(bytes_))
        .and_then([&](auto& payload) {
          auto* bytes = static_cast<unsigned char*>(payload);
          if (bytes_ <= COPIED_BYTES) {
            own_[bytes_ - 1] = turn;
            std::memcpy(bytes, own_, bytes_);
          } else {
            bytes[0] = bytes[bytes_ - 1] = turn;
          }
          publisher_.publish(payload);
        })
        .or_else([](auto&) { fail("loan"); });
  }

  void receive(unsigned char turn) {
    for (bool received = false; !received;) {
      subscriber_.take().and_then([&](const void* payload) {
        const auto* bytes = static_cast<const unsigned char*>(payload);
        unsigned char first = turn, last;
        if (bytes_ <= COPIED_BYTES) {
          std::memcpy(own_, bytes, bytes_);
          last = own_[bytes_ - 1];
        } else {
          first = bytes[0];
          last = bytes[bytes_ - 1];
        }
        if (first != turn || last != turn) fail("payload");
        subscriber_.release(payload);
        received = true;
      });
    }
  }

 private:
  static iox::popo::PublisherOptions publishing() {
    iox::popo::PublisherOptions options;
    options.historyCapacity = 0;
    return options;
  }

  static iox::popo::SubscriberOptions subscribing() {
    iox::popo::SubscriberOptions options;
    options.queueCapacity = QUEUE;
    options.historyRequest = 0;
    return options;
  }

  [[noreturn]] static void fail(const char* what) {
    std::fprintf(stderr, "iceoryx: %s failed\n", what);
    std::_Exit(1);
  }

  size_t bytes_;
  unsigned char own_[COPIED_BYTES] = {0};
  iox::popo::UntypedPublisher publisher_;
  iox::popo::UntypedSubscriber subscriber_;
};

void run(const std::string& bench, bool leads, size_t bytes, int iterations) {
  const std::string name = bench + (leads ? "-ping" : "-pong");
  iox::runtime::PoshRuntime::initRuntime(iox::RuntimeName_t(iox::cxx::TruncateToCapacity, name.c_str()));
  const Name id(iox::cxx::TruncateToCapacity, bench.c_str());
  Side side(id, leads ? "ping" : "pong", leads ? "pong" : "ping", bytes);
  const int warm = iterations / 10;
  double begin = now();
  for (int i = -warm; i < iterations; i++) {
    if (i == 0) begin = now();
    const auto turn = static_cast<unsigned char>(i);
    if (leads) side.send(turn);
    side.receive(turn);
    if (!leads) side.send(turn);
  }
  if (leads) std::printf("%.3f\n", (now() - begin) / iterations);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const size_t bytes = std::strtoull(argv[1], nullptr, 10);
  const int iterations = std::atoi(argv[2]);
  iox::log::LogManager::GetLogManager().SetDefaultLogLevel(iox::log::LogLevel::kError,
                                                           iox::log::LogLevelOutput::kHideLogLevel);
  const std::string bench = "rsm-bench-" + std::to_string(getpid());
  const pid_t child = fork();
  if (child < 0) return 1;
  if (child == 0) prctl(PR_SET_PDEATHSIG, SIGKILL);
  run(bench, child != 0, bytes, iterations);
  if (child == 0) return 0;
  int status;
  return waitpid(child, &status, 0) == child && status == 0 ? 0 : 1;
}
