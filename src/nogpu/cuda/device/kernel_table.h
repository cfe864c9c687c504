// Describes each kernel to the driver: its parameters' types come from the function's own type, nothing is parsed.
#pragma once

namespace nogpu {

template <class T> struct Kind { static constexpr char value = 'S'; };
template <class T> struct Kind<T*> { static constexpr char value = 'P'; };
template <class T> struct Kind<T&> { static constexpr char value = 'P'; };
#define NOGPU_KIND(T, LETTER) \
  template <> struct Kind<T> { static constexpr char value = LETTER; };
NOGPU_KIND(float, 'f')
NOGPU_KIND(double, 'd')
NOGPU_KIND(bool, '?')
NOGPU_KIND(char, 'b')
NOGPU_KIND(signed char, 'b')
NOGPU_KIND(unsigned char, 'B')
NOGPU_KIND(short, 'h')
NOGPU_KIND(unsigned short, 'H')
NOGPU_KIND(int, 'i')
NOGPU_KIND(unsigned, 'I')
NOGPU_KIND(long, 'l')
NOGPU_KIND(unsigned long, 'L')
NOGPU_KIND(long long, 'q')
NOGPU_KIND(unsigned long long, 'Q')

template <unsigned... I> struct Indices {};
template <unsigned N, unsigned... I> struct MakeIndices : MakeIndices<N - 1, N - 1, I...> {};
template <unsigned... I> struct MakeIndices<0, I...> { using type = Indices<I...>; };

// Of the functions of one name, the kernel: it is the one that returns nothing (`div` is libc's, too).
template <class... Arguments>
constexpr auto kernel_among(void (*function)(Arguments...)) { return function; }

template <auto Function> struct KernelOf;

template <class... Arguments, void (*Function)(Arguments...)>
struct KernelOf<Function> {
  static constexpr unsigned count = sizeof...(Arguments);

  struct Table {
    unsigned offsets[count + 1] = {}, sizes[count + 1] = {};
    char kinds[count + 1] = {};
    constexpr Table() {
      const unsigned size[] = {static_cast<unsigned>(sizeof(Arguments))..., 0};
      const unsigned alignment[] = {static_cast<unsigned>(alignof(Arguments))..., 1};
      const char kind[] = {Kind<typename std::remove_cv<Arguments>::type>::value..., 0};
      unsigned offset = 0;
      for (unsigned i = 0; i < count; i++) {
        offset = (offset + alignment[i] - 1) / alignment[i] * alignment[i];
        offsets[i] = offset;
        sizes[i] = size[i];
        kinds[i] = kind[i];
        offset += size[i];
      }
      offsets[count] = offset;
    }
  };
  static constexpr Table table{};

#ifdef NOGPU_INSPECTING
  template <unsigned... I>
  static inline __attribute__((always_inline)) void call(const char* arguments, Indices<I...>) {
    Function(*reinterpret_cast<const typename std::remove_cv<Arguments>::type*>(arguments + table.offsets[I])...);
  }

  // The same as below, but the runtime says which thread is next, for it may want another order.
  NOGPU_UNSEEN static void run(const char* arguments) {
    ThreadContext& context = nogpu_context;
    while (context.next < context.count) {
      nogpu_next_thread();
      call(arguments, typename MakeIndices<count>::type());
      nogpu_thread_ended();
      if (__builtin_expect(context.waited, 0)) nogpu_thread_finished();
    }
  }
#else
  static void run(const char* arguments) { run(arguments, typename MakeIndices<count>::type()); }

  template <unsigned... I>
  static inline __attribute__((always_inline)) void run(const char* arguments, Indices<I...>) {
    run_threads(*reinterpret_cast<const typename std::remove_cv<Arguments>::type*>(arguments + table.offsets[I])...);
  }

  // Runs the threads of a block that have not been started: one after the other, or up to the first that waits; then
  // the runtime runs the rest on another fiber, by the same function. As little as can be is read and written for each
  // thread: this loop is what an element-wise kernel costs.
  static inline __attribute__((always_inline)) void run_threads(Arguments... arguments) {
    ThreadContext& context = nogpu_context;
    const unsigned columns = context.block_size.x, rows = context.block_size.y, all = context.count;
    unsigned thread = context.next, x = context.next_thread.x, y = context.next_thread.y, z = context.next_thread.z;
    while (thread < all) {
      context.thread.y = y;
      context.thread.z = z;
      for (; x < columns; x++) {
        context.linear = thread++;  // before x: the other order took a third longer on one processor, wherever the loop lay
        context.thread.x = x;
        asm volatile("" : : "m"(context));  // a fault is told with this thread's index: it must be written by now
        Function(arguments...);
        if (__builtin_expect(context.waited, 0)) nogpu_thread_finished();  // does not return to a thread that waited
      }
      x = 0;
      if (++y == rows) y = 0, z++;
    }
    context.next = all;
  }
#endif
};

}  // namespace nogpu

// The one array behind every `extern __shared__` declaration of a module: as much as a block may have (devices.py), one
// copy for each CPU thread that runs blocks.
#define NOGPU_DYNAMIC_SHARED_STORAGE \
  extern "C" { __attribute__((used)) __thread char nogpu_dynamic_shared[99 << 10] __attribute__((aligned(128))); }

// The source's last lines, added by rewrite.py: one NOGPU_KERNEL for each kernel between begin and end.
#define NOGPU_KERNELS_BEGIN extern "C" __attribute__((used, visibility("default"))) const nogpu::Kernel nogpu_kernels[] = {
#define NOGPU_KERNEL(NAME, MAXIMUM, ...)                                                              \
  {NAME, &nogpu::KernelOf<nogpu::kernel_among(&__VA_ARGS__)>::run,                                    \
   reinterpret_cast<void*>(nogpu::kernel_among(&__VA_ARGS__)),                                        \
   nogpu::KernelOf<nogpu::kernel_among(&__VA_ARGS__)>::table.kinds,                                   \
   nogpu::KernelOf<nogpu::kernel_among(&__VA_ARGS__)>::table.offsets,                                 \
   nogpu::KernelOf<nogpu::kernel_among(&__VA_ARGS__)>::table.sizes,                                   \
   nogpu::KernelOf<nogpu::kernel_among(&__VA_ARGS__)>::count, (MAXIMUM)},
#define NOGPU_KERNELS_END {nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, 0, 0}};
