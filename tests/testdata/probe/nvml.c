/* A stand-in for NVIDIA's libnvidia-ml.so.1: the functions that hwprobe calls,
 * with the argument layouts of nvml.h. BEHAVIOUR chooses how it (mis)behaves.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANSWERS 0
#define HANGS_WHEN_LOADED 1
#define HANGS_WHEN_ASKED 2
#define CRASHES 3
#define HAS_NO_DRIVER 4
#define TALKS_JUNK 5

#define SUCCESS 0
#define ERROR_DRIVER_NOT_LOADED 9
#define ERROR_GPU_IS_LOST 15

struct pci { char legacy[16]; unsigned domain, bus, device, id, subsystem; char bus_id[32]; };
struct memory { unsigned version; unsigned long long total, reserved, free, used; };

/* Not in the order of the bus, as NVML's own order need not be. */
static const char *bus_ids[] = {"00000000:65:00.0", "00000000:0A:00.0", "00000000:4B:00.0"};

static void hang(void) { for (;;) pause(); }

#if BEHAVIOUR == HANGS_WHEN_LOADED
__attribute__((constructor)) static void loaded(void) { hang(); }
#endif

int nvmlInit_v2(void)
{
    if (BEHAVIOUR == HANGS_WHEN_ASKED) hang();
    if (BEHAVIOUR == CRASHES) abort();
    if (BEHAVIOUR == TALKS_JUNK) { printf("No devices were found\n"); fflush(stdout); }
    return BEHAVIOUR == HAS_NO_DRIVER ? ERROR_DRIVER_NOT_LOADED : SUCCESS;
}

int nvmlShutdown(void) { return SUCCESS; }

int nvmlSystemGetDriverVersion(char *version, unsigned length)
{
    snprintf(version, length, "550.54.15");
    return SUCCESS;
}

int nvmlDeviceGetCount_v2(unsigned *count)
{
    *count = 3;
    return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device)
{
    *device = (void *)(size_t)(index + 1);
    return SUCCESS;
}

static unsigned index_of(void *device) { return (unsigned)(size_t)device - 1; }

int nvmlDeviceGetPciInfo_v3(void *device, struct pci *pci)
{
    memset(pci, 0, sizeof *pci);
    snprintf(pci->bus_id, sizeof pci->bus_id, "%s", bus_ids[index_of(device)]);
    return SUCCESS;
}

int nvmlDeviceGetName(void *device, char *name, unsigned length)
{
    snprintf(name, length, index_of(device) == 2 ? "NVIDIA \xff" : "NVIDIA H100 80GB HBM3");
    return SUCCESS;
}

int nvmlDeviceGetUUID(void *device, char *uuid, unsigned length)
{
    if (index_of(device) == 1) return ERROR_GPU_IS_LOST;
    snprintf(uuid, length, "GPU-00000000-0000-0000-0000-00000000000%u", index_of(device));
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo_v2(void *device, struct memory *memory)
{
    (void)device;
    memory->total = 85520809984ULL;
    return SUCCESS;
}
